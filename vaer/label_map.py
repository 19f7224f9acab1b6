"""Settings as YAML, but for names of labels: those are text as it was written, whatever YAML makes of 01, no or 1e3."""

from typing import Any

import yaml
from jsonargparse import get_loader, set_loader
from jsonargparse.typing import register_type

from vaer.errors import UserError

MODE = "vaer"
"""What jsonargparse calls this way of reading."""
KEY = "label_map"
NULL, MERGE = "tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"


class NewName(str):
    """What a label map calls a label: text that is taken as it is, `null` in quotes included."""


LabelMap = dict[str, NewName | None]


def load(text: str, path: str | None = None) -> Any:
    """What a file of settings (`path` is given) or the value of a flag says; raises UserError for a key named twice.

    A mapping under the key `label_map`, or one that is itself the value of a flag, keeps its keys and values as text;
    there a bare null is None.
    """
    loaded = get_loader("yaml")(text)
    if not isinstance(loaded, dict):
        return loaded
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    _require_once(node, set(), text if path is None else None)
    return _kept(node, loaded) if path is not None else _texts(node)


def _require_once(node: yaml.Node, seen: set[int], flag: str | None) -> None:
    """Refuse a mapping that names a key twice, in a file or in the value of a `flag`: YAML would keep the last one."""
    if id(node) in seen:  # an alias
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.tag != MERGE]
        if twice := [key for key in keys if keys.count(key) > 1]:
            where = f"Expected each name once, but in {flag}" if flag else (
                f"line {node.start_mark.line + 1} of the settings:")
            raise UserError(f"{where} {twice[0]!r} is named twice; leave one of them.")
    for child in node.value if isinstance(node, yaml.CollectionNode) else ():
        for part in child if isinstance(child, tuple) else (child,):
            _require_once(part, seen, flag)


def _kept(node: yaml.Node, loaded: Any) -> Any:
    """What was loaded of a node, but text below every key `label_map`."""
    if not (isinstance(node, yaml.MappingNode) and isinstance(loaded, dict)):
        return loaded
    children = {key.value: child for key, child in node.value if isinstance(key, yaml.ScalarNode)}
    kept = {}
    for key, value in loaded.items():
        child = children.get(key)
        of_labels = str(key).rpartition(".")[2] == KEY and isinstance(child, yaml.MappingNode)
        kept[key] = _texts(child) if of_labels else value if child is None else _kept(child, value)
    return kept


def _texts(node: yaml.MappingNode) -> dict[str, Any]:
    """Keys and values of a mapping as they are written, None where a value is null; below them as YAML has it."""
    yaml.SafeLoader("").flatten_mapping(node)  # what `<<` brings in
    return {key.value if isinstance(key, yaml.ScalarNode) else str(key): _text(key, value) for key, value in node.value}


def _text(key: yaml.Node, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return None if node.tag == NULL else node.value
    if key.value == KEY and isinstance(node, yaml.MappingNode):
        return _texts(node)
    return get_loader("yaml")(yaml.serialize(node, Dumper=yaml.SafeDumper))


def _name(value: Any) -> NewName:
    raise ValueError(f"a label's new name must be text, or null to leave its clips out; got {value!r}")


set_loader(MODE, load, (yaml.YAMLError,))
register_type(NewName, serializer=lambda value: value, deserializer=_name,
              type_check=lambda value, kind: isinstance(value, str))
