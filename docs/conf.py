"""How the pages become a site (`make site`)."""

project = "vaer"
author = "The vaer developers"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "vaer"
myst_heading_anchors = 3  # links such as corpora.md#protocols, as the pages have them on other hosts
