#pragma once
// What every sheet's HTML page has: its look, and what its keys do.

namespace corepulse::sweep {

constexpr const char* kHtmlHead = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
)";

constexpr const char* kHtmlStyle = R"(
:root { --back: #fff; --text: #1b1b1b; --quiet: #5c5c5c; --line: #d0d0d0; --mark: #0b57d0; }
@media (prefers-color-scheme: dark) {
  :root { --back: #161616; --text: #ececec; --quiet: #a8a8a8; --line: #444; --mark: #8ab4f8; }
}
body { margin: 1rem; font: 15px/1.4 system-ui, sans-serif; color: var(--text); background: var(--back); }
h1 { font-size: 1.2rem; margin: 0; }
p { color: var(--quiet); margin: .3rem 0 1rem; }
table { border-collapse: separate; border-spacing: 6px; margin-bottom: 2rem; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th { font-weight: 600; text-align: left; max-width: 14rem; overflow-wrap: anywhere; }
thead th { position: sticky; top: 0; background: var(--back); z-index: 1; padding: .3rem; }
tbody th { position: sticky; left: 0; background: var(--back); padding: .3rem; vertical-align: top; }
td { vertical-align: top; padding: 0; }
button { font: inherit; color: inherit; background: none; border: 1px solid transparent; border-radius: 4px; padding: 2px; cursor: zoom-in; text-align: left; }
td button { width: calc(var(--side) + 6px); }
button:hover { border-color: var(--line); }
button:focus-visible { outline: 3px solid var(--mark); outline-offset: 0; }
td img { display: block; width: var(--side); }
small { color: var(--quiet); font-variant-numeric: tabular-nums; }
dialog { width: min(96vw, 90rem); max-height: 96vh; box-sizing: border-box; color: var(--text); background: var(--back); border: 1px solid var(--line); border-radius: 6px; }
dialog::backdrop { background: rgb(0 0 0 / .6); }
dialog .parts { display: flex; flex-wrap: wrap; gap: 1rem; }
dialog img { max-width: 100%; max-height: 80vh; object-fit: contain; align-self: flex-start; }
dialog pre { flex: 1 1 20rem; overflow: auto; max-height: 75vh; margin: 0; font-size: 13px; white-space: pre-wrap; overflow-wrap: anywhere; }
dialog .bar { display: flex; gap: .5rem; align-items: baseline; margin-bottom: .6rem; flex-wrap: wrap; }
dialog .bar button { border-color: var(--line); padding: .2rem .6rem; cursor: pointer; }
dialog h2 { font-size: 1rem; margin: 0; flex: 1; }
)";

constexpr const char* kHtmlKeys =
    "<label>Size <input id=\"size\" type=\"range\" min=\"48\" max=\"512\" value=\"192\"></label> Arrow keys move, "
    "Enter "
    "shows a picture and its recipe, Escape goes back.";

constexpr const char* kHtmlDialog = R"(<dialog aria-labelledby="title">
<div class="bar"><h2 id="title"></h2><button id="before">Previous</button><button id="next">Next</button><button id="copy">Copy recipe</button><button id="close">Close</button></div>
<p id="numbers"></p>
<div class="parts"><img id="large" alt=""><pre id="recipe" tabindex="0" aria-label="Recipe"></pre></div>
</dialog>
)";

constexpr const char* kHtmlScript = R"(
const pictures = JSON.parse(document.getElementById("pictures").textContent);
const tiles = [...document.querySelectorAll("button[data-p]")];
const byId = id => document.getElementById(id);
const dialog = document.querySelector("dialog"), large = byId("large");
const resize = () => document.documentElement.style.setProperty("--side", byId("size").value + "px");
byId("size").addEventListener("input", resize);
resize();
tiles.forEach((tile, i) => {
  tile.querySelector("img").src = pictures[tile.dataset.p].small;
  tile.tabIndex = i ? -1 : 0;
  tile.addEventListener("click", () => show(i));
});
let at = 0;
function focus(i) {
  tiles[at].tabIndex = -1;
  at = i;
  tiles[at].tabIndex = 0;
  tiles[at].focus();
}
function show(i) {
  focus(i);
  const picture = pictures[tiles[i].dataset.p];
  byId("title").textContent = picture.title || tiles[i].querySelector("img").alt;
  byId("numbers").textContent = picture.numbers || "";
  byId("recipe").textContent = JSON.stringify(picture.recipe, null, 2);
  large.onerror = () => { large.onerror = null; large.src = picture.small; };
  large.src = picture.file;
  large.alt = picture.title;
  if (!dialog.open) dialog.showModal();
}
const step = by => show((at + by + tiles.length) % tiles.length);
byId("before").addEventListener("click", () => step(-1));
byId("next").addEventListener("click", () => step(1));
byId("close").addEventListener("click", () => dialog.close());
byId("copy").addEventListener("click", () => navigator.clipboard.writeText(byId("recipe").textContent));
dialog.addEventListener("close", () => tiles[at].focus());
dialog.addEventListener("keydown", event => {
  if (event.target.id === "recipe") return;
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});
document.addEventListener("keydown", event => {
  const tile = event.target.closest("button[data-p]");
  if (!tile || dialog.open) return;
  const cell = tile.parentElement, row = cell.parentElement;
  const beside = {ArrowLeft: cell.previousElementSibling, ArrowRight: cell.nextElementSibling}[event.key];
  const lines = {ArrowUp: row.previousElementSibling, ArrowDown: row.nextElementSibling}[event.key];
  const target = (beside || (lines && lines.children[cell.cellIndex]) || cell).querySelector("button[data-p]");
  if (!event.key.startsWith("Arrow")) return;
  event.preventDefault();
  if (target && target !== tile) focus(tiles.indexOf(target));
});
tiles.forEach((tile, i) => tile.addEventListener("focus", () => { if (i !== at) focus(i); }));
)";

}  // namespace corepulse::sweep
