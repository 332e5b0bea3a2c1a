// A recipe's controls as tracks, and painted tracks as controls. Nothing is lost on the way: the recipe's list is the truth,
// a track is a run of it whose members differ in where, when and how much; painting rewrites that run alone, and of it only
// what the painting changes.
import { same } from '../json.js';
import { isCurve, points } from './curve.js';
import { KINDS, kindOf, levelOf, withLevel } from './kinds.js';
import { layersOf, spellWhen, spellWhere, stepsIn, unitOf } from './grid.js';

/** A control without its place and its level: what members of a track have in common. */
export function baseOf(control) {
  const base = unplaced(control);
  const { level, usual } = kindOf(control);
  if (level && usual !== undefined) delete base[level];
  else if (level) base[level] = 0;
  return base;
}

const sameBase = (a, b) => same(baseOf(a), baseOf(b));

const read = new WeakMap(); // documents are not changed, but replaced

/** The tracks of a document {recipe, drafts}: runs of its controls, then drafts, which are painted nowhere yet. */
export function tracksOf(doc) {
  if (!read.has(doc)) read.set(doc, readTracks(doc));
  return read.get(doc);
}

function readTracks({ recipe, drafts }) {
  const tracks = [];
  (recipe.controls ?? []).forEach((control, i) => {
    const last = tracks.at(-1);
    if (last && KINDS[control.kind] && sameBase(last.controls[0], control)) last.controls.push(control);
    else tracks.push({ start: i, kind: control.kind, controls: [control], control });
  });
  drafts.forEach((control, i) => tracks.push({ draft: i, kind: control.kind, controls: [], control }));
  return tracks;
}

/** What stands in a document where a track stood: it may have become one track with a neighbour that says the same. */
export function inPlace({ recipe, drafts }, track) {
  if (track.draft !== undefined) return { ...track, control: drafts[track.draft] };
  const controls = (recipe.controls ?? []).slice(track.start, track.start + track.controls.length);
  return { ...track, controls, control: controls[0] };
}

/** Where a track stands when `withControls` has given it these. */
export function placeAfter({ recipe, drafts }, track, controls) {
  if (!controls.length) return track.draft === undefined ? { ...track, draft: drafts.length, start: undefined, controls } : track;
  return { ...track, draft: undefined, start: track.draft === undefined ? track.start : (recipe.controls ?? []).length, controls };
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
  return withMembers(doc, track, (control) => clean({ ...control, ...fields }));
}

/** The document with the level of those of a track's members that have the level `from`. */
export function withLevelOf(doc, track, from, to) {
  return withMembers(doc, track, (control) => (same(levelOf(control), from) ? withLevel(control, to) : control));
}

/** The different levels of a track's members, the first one's first; none of a kind that has no level. */
export function levelsOf(track) {
  const list = [];
  if (!kindOf(track.control).level) return list;
  for (const level of (track.controls.length ? track.controls : [track.control]).map(levelOf)) if (!list.some((l) => same(l, level))) list.push(level);
  return list;
}

/** The number farthest from 0 among the levels of a track's members, of curves their points'. */
export const strongest = ({ controls }, level = levelOf) => controls.flatMap((c) => points(level(c)).map(([, v]) => v))
  .reduce((most, v) => (Math.abs(v) > Math.abs(most) ? v : most), 0);

/** The document with all strengths of a track times a factor: `members` are its controls as they were at factor 1. */
export function withLevelsTimes(doc, track, members, factor) {
  const scaled = levelsTimes(members, factor);
  return withMembers(doc, track, (control, i) => (scaled[i] ? withLevel(control, levelOf(scaled[i])) : control));
}

/** Controls with their levels times a factor, within the kind's range. */
export function levelsTimes(members, factor) {
  return members.map((control) => {
    const [low, high] = kindOf(control).range;
    const times = (v) => Math.max(low, Math.min(high, Math.round(v * factor * 1000) / 1000));
    const level = levelOf(control);
    return withLevel(control, isCurve(level) ? points(level).map(([p, v]) => [p, times(v)]) : times(level));
  });
}

/** The document with the windows of those of a track's members that act in steps first..end-1 moved to a..b-1. */
export function withWindow(doc, track, grid, [first, end], [a, b], unit) {
  return withMembers(doc, track, (control) => {
    const window = windowOf(grid, control);
    if (!window || window[0] !== first || window[1] !== end) return control;
    return clean({ ...control, when: spellWhen(grid, a, b, unit ?? usualUnit(track)) });
  });
}

function withMembers(doc, track, change) {
  if (track.draft !== undefined) return { ...doc, drafts: doc.drafts.map((d, i) => (i === track.draft ? change(d, 0) : d)) };
  const members = (i) => i >= track.start && i < track.start + track.controls.length;
  return { ...doc, recipe: withList(doc.recipe, doc.recipe.controls.map((c, i) => (members(i) ? change(c, i - track.start) : c))) };
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

/** A control without where and when; of a lane without when alone: a `where` names no cells of it. */
export function unplaced({ when, ...control }) {
  if (!kindOf(control).lane) delete control.where;
  return control;
}

/** What a track covers: data[layer * steps + step] is 0, or 1 + the index in levels. A lane has one layer. */
export function cellsOf(track, grid, explained = []) {
  const lane = Boolean(kindOf(track.control).lane);
  const rows = lane ? 1 : grid.layers.length;
  const cells = { rows, columns: grid.steps.length, data: new Uint8Array(rows * grid.steps.length), levels: [] };
  track.controls.forEach((control, i) => {
    const place = control.where === undefined ? kindOf(control).place?.(control) : undefined;
    const said = layersSaid(grid, explained[track.start + i]);
    const layers = (place && said) ?? layersIn(track, grid, place ?? control.where) ?? said;
    const steps = stepsIn(grid, control.when);
    if (layers && steps) fill(cells, layers, steps, levelIndex(cells, levelOf(control)));
  });
  return cells;
}

/** The layers that `where` names, of those that the track's kind reaches; null if the page cannot tell. */
export function layersIn(track, grid, where) {
  if (kindOf(track.control).lane) return Uint8Array.of(1);
  return layersOf(grid, where)?.map((v, layer) => (v && reached(track, grid, layer) ? 1 : 0)) ?? null;
}

/** Whether a kind of control reaches a layer: side networks end before the output blocks. */
export const reached = (track, grid, layer) => !kindOf(track.control).sides || kindOf(track.control).sides.includes(grid.layers[layer].block.name.split(':')[0]);

/** Layers as the server said them, for names that the page cannot tell. */
function layersSaid(grid, said) {
  if (!said?.layers) return null;
  return Uint8Array.from(grid.layers, (layer) => (layer.paths.some((p) => said.layers.includes(p)) ? 1 : 0));
}

/** The index of a level in a cells' list; it is added where it is new. */
export function levelIndex(cells, level) {
  const known = cells.levels.findIndex((l) => same(l, level));
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

/** The unit of a track's windows. */
const usualUnit = (track) => track.controls.map((c) => unitOf(c.when)).find((u) => u && u !== 'percent') ?? 'steps';

/** A control's window as steps [first, end]; null if it has none here. */
export function windowOf(grid, control) {
  const steps = stepsIn(grid, control.when);
  const first = steps ? steps.indexOf(1) : -1;
  return first < 0 ? null : [first, steps.lastIndexOf(1) + 1];
}

/** The windows [first, end] of a track's controls, each once. */
export function windowsOf(track, grid) {
  const found = new Map(track.controls.map((control) => windowOf(grid, control)).filter(Boolean).map((window) => [window.join(), window]));
  return [...found.values()].sort((p, q) => p[0] - q[0] || p[1] - q[1]);
}

/** The last of a track's controls that acts in one of these layers at a step: the one that is seen there. */
export function memberAt(track, grid, layers, column, explained = []) {
  return track.controls.findLast((_, i) => {
    const { data, columns } = memberCells(track, i, grid, explained);
    return layers.some((layer) => data[layer * columns + column]);
  });
}

const memberCells = (track, i, grid, explained) => cellsOf({ ...track, controls: [track.controls[i]], start: track.start + i }, grid, explained);

/**
 * The controls of painted cells: those of the track's that say the same already, and those that no cell shows (a window or layers
 * that the page cannot tell), as they were written; then new ones. Members that lie over one another stay so, but for the cells
 * that were painted or erased. `explained`: as the cells were read with.
 */
export function controlsOf(track, cells, grid, unit, explained = []) {
  const before = cellsOf(track, grid, explained);
  const members = track.controls.map((control, i) => ({ control, cells: memberCells(track, i, grid, explained), now: undefined }));
  const together = new Uint8Array(cells.data.length);
  for (const { cells: { data } } of members) data.forEach((v, k) => { if (v) together[k] += 1; });
  const over = members.filter(({ cells: { data } }) => data.some((v, k) => v && together[k] > 1));
  const alone = { ...cells, data: cells.data.slice() };
  for (const { cells: { data } } of over) data.forEach((v, k) => { if (v && cells.data[k] === before.data[k]) alone.data[k] = 0; });
  const whereOf = (control, layers) => (kindOf(control).lane ? control.where : spellWhere(grid, layers, kindOf(control).sides) ?? (kindOf(control).place?.(control) && 'all'));
  const spell = (control, { first, end, layers }, level, in_) => withLevel(clean({
    ...unplaced(control), where: whereOf(control, layers), when: spellWhen(grid, first, end, in_),
  }), level);

  for (const member of members) if (!member.cells.data.some(Boolean)) member.now = [member.control];
  for (const member of over) member.now = left(member, before, cells, (stretch) => spell(member.control, stretch, levelOf(member.control), unit ?? unitOf(member.control.when) ?? usualUnit(track)));
  const added = [];
  for (const stretch of stretches(alone)) {
    const level = cells.levels[stretch.value - 1];
    const known = members.find((m) => !m.now && says(m, stretch, level));
    if (known) known.now = [known.control];
    else added.push(spell(track.control, stretch, level, unit ?? usualUnit(track)));
  }
  return [...members.flatMap((m) => m.now ?? []), ...added];
}

/** What is left of a member that lies over or under others, without the cells that have changed. */
function left({ control, cells: own }, before, cells, spell) {
  const data = own.data.map((v, k) => (cells.data[k] === before.data[k] ? v : 0));
  return data.every((v, k) => v === own.data[k]) ? [control] : stretches({ ...own, data }).map(spell);
}

function says({ control, cells }, { first, end, layers }, level) {
  if (!same(levelOf(control), level)) return false;
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
