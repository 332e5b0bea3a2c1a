// A recipe's controls as tracks, and painted tracks as controls. Nothing is lost on the way: the recipe's list is the truth,
// a track is a run of it whose members differ in where, when and how much; painting rewrites that run alone, and of it only
// what the painting changes.
import { KINDS, kindOf, levelOf, withLevel } from './kinds.js';
import { layersOf, spellWhen, spellWhere, stepsIn, unitOf } from './grid.js';

/** A control without where, when and level: what members of a track have in common. */
export function baseOf(control) {
  const { where, when, ...base } = control;
  const { level, usual } = kindOf(control);
  if (level && usual !== undefined) delete base[level];
  else if (level) base[level] = 0;
  return base;
}

const sameBase = (a, b) => JSON.stringify(baseOf(a)) === JSON.stringify(baseOf(b));

/** The tracks of a document {recipe, drafts}: runs of its controls, then drafts, which are painted nowhere yet. */
export function tracksOf({ recipe, drafts }) {
  const tracks = [];
  (recipe.controls ?? []).forEach((control, i) => {
    const last = tracks.at(-1);
    if (last && KINDS[control.kind] && sameBase(last.controls[0], control)) last.controls.push(control);
    else tracks.push({ start: i, kind: control.kind, controls: [control], control });
  });
  drafts.forEach((control, i) => tracks.push({ draft: i, kind: control.kind, controls: [], control }));
  return tracks;
}

/** The document with a track's controls replaced; a track that is painted nowhere becomes a draft, a painted draft a track. */
export function withControls(doc, track, controls) {
  const list = [...(doc.recipe.controls ?? [])];
  const drafts = [...doc.drafts];
  if (track.draft === undefined) {
    list.splice(track.start, track.controls.length, ...controls);
    if (!controls.length) drafts.push(unplaced(track.control));
  } else if (controls.length) {
    drafts.splice(track.draft, 1);
    list.push(...controls);
  }
  return { ...doc, recipe: withList(doc.recipe, list), drafts };
}

/** The document with fields of all of a track's members changed; undefined removes one. */
export function withFields(doc, track, fields) {
  const change = (control) => clean({ ...control, ...fields });
  if (track.draft !== undefined) {
    return { ...doc, drafts: doc.drafts.map((d, i) => (i === track.draft ? change(d) : d)) };
  }
  const members = (i) => i >= track.start && i < track.start + track.controls.length;
  return { ...doc, recipe: withList(doc.recipe, doc.recipe.controls.map((c, i) => (members(i) ? change(c) : c))) };
}

export function without(doc, track) {
  if (track.draft !== undefined) return { ...doc, drafts: doc.drafts.filter((_, i) => i !== track.draft) };
  const list = doc.recipe.controls.filter((_, i) => i < track.start || i >= track.start + track.controls.length);
  return { ...doc, recipe: withList(doc.recipe, list) };
}

/** The document with a track one place earlier (-1) or later (1): controls act in the order of the list. */
export function moved(doc, index, by) {
  const tracks = tracksOf(doc).filter((t) => t.draft === undefined);
  const to = index + by;
  if (!tracks[index] || !tracks[to]) return doc;
  [tracks[index], tracks[to]] = [tracks[to], tracks[index]];
  return { ...doc, recipe: withList(doc.recipe, tracks.flatMap((t) => t.controls)) };
}

function withList(recipe, controls) {
  const { controls: _, ...rest } = recipe;
  return controls.length ? { ...rest, controls } : rest;
}

const clean = (object) => Object.fromEntries(Object.entries(object).filter(([, v]) => v !== undefined));
const unplaced = ({ where, when, ...control }) => control;

/** What a track covers: data[layer * steps + step] is 0, or 1 + the index in levels. A lane has one layer. */
export function cellsOf(track, grid, explained = []) {
  const lane = Boolean(kindOf(track.control).lane);
  const rows = lane ? 1 : grid.layers.length;
  const cells = { rows, columns: grid.steps.length, data: new Uint8Array(rows * grid.steps.length), levels: [] };
  track.controls.forEach((control, i) => {
    const layers = lane ? Uint8Array.of(1) : layersOf(grid, control.where) ?? layersSaid(grid, explained[track.start + i]);
    const steps = stepsIn(grid, control.when);
    if (layers && steps) fill(cells, layers, steps, levelIndex(cells, levelOf(control)));
  });
  return cells;
}

/** Layers as the server said them, for names that the page cannot tell. */
function layersSaid(grid, said) {
  if (!said?.layers) return null;
  return Uint8Array.from(grid.layers, (layer) => (layer.paths.some((p) => said.layers.includes(p)) ? 1 : 0));
}

/** The index of a level in a cells' list; it is added where it is new. */
export function levelIndex(cells, level) {
  const text = JSON.stringify(level);
  const known = cells.levels.findIndex((l) => JSON.stringify(l) === text);
  return known >= 0 ? known + 1 : cells.levels.push(level);
}

function fill(cells, layers, steps, value) {
  for (let row = 0; row < cells.rows; ++row) {
    if (!layers[row]) continue;
    for (let c = 0; c < cells.columns; ++c) if (steps[c]) cells.data[row * cells.columns + c] = value;
  }
}

/** A row's painted stretches: [first, end, value]. */
export function runs(cells, row) {
  const list = [];
  const offset = row * cells.columns;
  for (let c = 0; c < cells.columns; ++c) {
    const value = cells.data[offset + c];
    const last = list.at(-1);
    if (value && last && last[1] === c && last[2] === value) last[1] = c + 1;
    else if (value) list.push([c, c + 1, value]);
  }
  return list;
}

/** The fewest controls that say these cells: layers with the same stretch are one. */
function stretches(cells) {
  const found = new Map();
  for (let row = 0; row < cells.rows; ++row) {
    for (const [first, end, value] of runs(cells, row)) {
      const key = `${value} ${first} ${end}`;
      if (!found.has(key)) found.set(key, { first, end, value, layers: new Uint8Array(cells.rows) });
      found.get(key).layers[row] = 1;
    }
  }
  return [...found.values()];
}

/**
 * The controls of painted cells: those of the track's that say the same already, and those that no cell shows (a window or layers
 * that the page cannot tell), as they were written; then new ones. `explained`: as the cells were read with.
 */
export function controlsOf(track, cells, grid, unit, explained = []) {
  const lane = cells.rows === 1 && Boolean(kindOf(track.control).lane);
  const old = track.controls.map((control, i) => {
    const own = cellsOf({ ...track, controls: [control], start: track.start + i }, grid, explained);
    return { control, cells: own, kept: !own.data.some(Boolean) };
  });
  const wanted = unit ?? track.controls.map((c) => unitOf(c.when)).find((u) => u && u !== 'percent') ?? 'steps';
  const added = [];
  for (const stretch of stretches(cells)) {
    const level = cells.levels[stretch.value - 1];
    const same = old.find((o) => !o.kept && says(o, stretch, level));
    if (same) same.kept = true;
    else {
      const where = lane ? undefined : spellWhere(grid, stretch.layers);
      const when = spellWhen(grid, stretch.first, stretch.end, wanted);
      added.push(withLevel(clean({ ...unplaced(track.control), where, when }), level));
    }
  }
  return [...old.filter((o) => o.kept).map((o) => o.control), ...added];
}

function says({ control, cells }, { first, end, layers }, level) {
  if (JSON.stringify(levelOf(control)) !== JSON.stringify(level)) return false;
  return cells.data.every((value, i) => {
    const column = i % cells.columns;
    const in_it = layers[Math.floor(i / cells.columns)] && column >= first && column < end;
    return Boolean(value) === Boolean(in_it);
  });
}

/** On how many steps and layers a track acts, as its cells say. */
export function extent(cells) {
  const steps = new Set();
  const layers = new Set();
  cells.data.forEach((value, i) => {
    if (!value) return;
    steps.add(i % cells.columns);
    layers.add(Math.floor(i / cells.columns));
  });
  return { steps: steps.size, layers: layers.size, first: Math.min(...steps), last: Math.max(...steps) };
}
