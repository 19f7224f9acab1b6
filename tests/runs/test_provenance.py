import re

from vaer.runs.provenance import machine_facts


def test_facts_name_versions_and_machine():
    facts = machine_facts()
    assert re.match(r"\d+\.\d+", facts["versions"]["torch"])
    assert facts["python"].startswith("3.")
    assert facts["torch_threads"] >= 1
