"""``index.html`` at a remote: a table of datasets with a search field, in one file.

Nothing is loaded from elsewhere, and the page forbids it (Content-Security-Policy); its one script
is allowed by its hash. It hides the rows that do not have the words looked for, which may be in the
address, too: ``index.html#WORDS``. All that comes from metadata is escaped.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .catalogue import Entry

_STYLE = """
body{font:16px/1.4 sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}
input{font:inherit;width:100%;padding:.4rem;box-sizing:border-box;margin:1rem 0}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid #ccc}
td.n{text-align:right;font-variant-numeric:tabular-nums}
small{color:#555}
pre{background:#f4f4f4;padding:.6rem;overflow:auto}
"""

_SCRIPT = """
const field = document.getElementById("search");
const rows = [...document.querySelectorAll("tbody tr")];
const count = document.getElementById("count");
field.hidden = false;
function search() {
  const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every(word => text.includes(word));
    shown += !row.hidden;
  }
  count.textContent = shown + " of " + rows.length;
}
function fromAddress() {
  try { field.value = decodeURIComponent(location.hash.slice(1)); } catch { field.value = ""; }
  search();
}
field.addEventListener("input", search);
addEventListener("hashchange", fromAddress);
fromAddress();
"""

_HOW = """wtrec dataset pull URL NAME@VERSION          # URL: where this page is

# without wtrec: the list of a dataset has the SHA-256 and the path of each file
curl -f URL/datasets/NAME/VERSION | while read -r hash path; do
  curl -f --create-dirs -o "NAME/$path" "URL/objects/$(echo "$hash" | cut -c1-2)/$hash"
done
cd NAME &amp;&amp; sha256sum --quiet -c manifest-sha256.txt tagmanifest-sha256.txt"""


def page(entries: Sequence[Entry]) -> str:
    """The page."""
    rows = "\n".join(_row(entry) for entry in entries)
    script = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width">
<title>Datasets</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Datasets</h1>
<input id="search" type="search" placeholder="Search: words in any column" autofocus hidden>
<p id="count">{len(entries)}</p>
<table>
<thead><tr><th>Dataset</th><th>What it is</th><th>Recorded</th><th>Runs</th><th>Frames</th>
<th>Bad FCS</th><th>Bytes</th><th>Licence</th><th>Files</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
<h2>How to get one</h2>
<pre>{_HOW}</pre>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def _row(entry: Entry) -> str:
    said = html.escape
    about = [said(", ".join(entry.authors)), said(entry.purpose), said(", ".join(entry.keywords))]
    if entry.doi:
        about.append(f'<a href="https://doi.org/{said(entry.doi)}">doi:{said(entry.doi)}</a>')
    small = "".join(f"<br><small>{text}</small>" for text in about if text)
    links = [f'<a href="datasets/{said(entry.name)}/{said(entry.version)}">list</a>']
    links += [
        f'<a href="objects/{digest[:2]}/{digest}" download="{said(name)}">{said(name)}</a>'
        for path, digest in entry.files.items()
        for name in [path.rpartition("/")[2]]
    ]
    numbers = "".join(
        f'<td class="n">{number:,}</td>'
        for number in (entry.runs, entry.frames, entry.bad, entry.bytes)
    )
    return (
        f"<tr><td>{said(entry.name)}@{said(entry.version)}</td>"
        f"<td>{said(entry.title)}{small}</td><td>{said((entry.start or '')[:10])}</td>"
        f"{numbers}<td>{said(entry.licence)}</td><td>{'<br>'.join(links)}</td></tr>"
    )
