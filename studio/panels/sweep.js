// A sweep of any field of the recipe: one or two axes, the engine draws, the sheet is here; a click takes a cell's recipe over.
import { FINAL, api, listen } from '../api.js';
import { fill, h } from '../dom.js';
import { choiceField, numberField, textField } from '../fields.js';
import { parse, same, stringify } from '../json.js';
import { withRefiner } from '../reading.js';
import { isCurve } from '../score/curve.js';
import { explore } from '../score/explore.js';
import { makeGrid } from '../score/grid.js';
import { kindOf, levelOf } from '../score/kinds.js';
import { tracksOf } from '../score/tracks.js';
import { wrongIn } from '../shape.js';
import { T, titleOf } from '../texts.js';

const MOST = 400;
const KEY = 'corepulse-sweep';

/** The value at a path as "controls[0].strength" replaced; null removes it. */
export function withPath(recipe, path, value) {
  const copy = structuredClone(recipe);
  const keys = path.match(/[^.[\]]+/g);
  let at = copy;
  for (const key of keys.slice(0, -1)) at = at[key] ??= {};
  if (value === null) delete at[keys.at(-1)];
  else at[keys.at(-1)] = value;
  return copy;
}

/** Values of an axis: a list, or from..to in so many. */
export function valuesOf(axis) {
  if (axis.values) return axis.values;
  const whole = ['seed', 'steps'].includes(axis.field) ? 1 : 1e6;
  return Array.from({ length: axis.count }, (_, i) => (axis.count > 1 ? axis.from + ((axis.to - axis.from) * i) / (axis.count - 1) : axis.from)).map((v) => Math.round(v * whole) / whole);
}

/** The recipe with an axis's field at a value; null removes it. "controls[2..4].when" is all of a track's, which change together. */
export function applied(recipe, field, value, grid) {
  const [, first, last, name] = /^controls\[(\d+)\.\.(\d+)\]\.(\w+)$/.exec(field) ?? [];
  if (first === undefined) return withPath(recipe, field, value);
  const controls = [...recipe.controls];
  const members = controls.slice(Number(first), Number(last) + 1);
  controls.splice(Number(first), members.length, ...explore(members, name, value, grid));
  return { ...recipe, controls };
}

/** A cell's [recipe, labels]; the last axis changes first. Whole tracks change last, those behind first: they shift what follows. */
export function cellOf(recipe, axes, index, grid) {
  const labels = [];
  const chosen = [];
  let rest = index;
  for (const axis of [...axes].reverse()) {
    const values = valuesOf(axis);
    const i = rest % values.length;
    rest = Math.floor(rest / values.length);
    chosen.push([axis.field, values[i]]);
    labels.unshift(axis.labels?.[i] ?? label(values[i]));
  }
  const behind = ([field]) => Number(/^controls\[(\d+)\.\./.exec(field)?.[1] ?? Infinity);
  chosen.sort((a, b) => behind(b) - behind(a) || 0);
  return [chosen.reduce((made, [field, value]) => applied(made, field, value, grid), recipe), labels];
}

/** The axes as the engine reads them. Where a whole track changes it is told each cell's fields, side by side. */
export function specOf(recipe, axes, grid) {
  if (!axes.some((axis) => axis.field.includes('..'))) return axes;
  const cells = Array.from({ length: axes.reduce((n, axis) => n * axis.values.length, 1) }, (_, i) => cellOf(recipe, axes, i, grid));
  const fields = Object.keys(recipe).concat(axes.map((axis) => /^\w+/.exec(axis.field)[0]));
  const zip = [...new Set(fields)].filter((field) => cells.some(([made]) => !same(made[field], recipe[field])))
    .map((field) => ({ field, values: cells.map(([made]) => made[field] ?? null) }));
  Object.assign(zip[0] ?? {}, { labels: cells.map(([, labels]) => labels.join(' · ')) });
  return [{ zip }];
}

const label = (value) => (value === null ? T.sweep.always : typeof value === 'object' ? stringify(value) : String(value));

/** The field of a track: of its only control, or of all. */
const fieldOf = ({ start, controls }, name) => `controls[${start}${controls.length > 1 ? `..${start + controls.length - 1}` : ''}].${name}`;

/** What "Explore" asks of a track: its blocks, its moments, or how much of it. */
export function explored(track, what, grid) {
  if (what === 'where') {
    const { sides } = kindOf(track.control);
    return { field: fieldOf(track, 'where'), values: grid.blocks.map((b) => b.name).filter((name) => !sides || sides.includes(name.split(':')[0])) };
  }
  if (what === 'when') {
    const n = grid.steps.length;
    const third = (i) => Math.round((n * i) / 3);
    const parts = [[0, third(1), T.sweep.early], [third(1), third(2), T.sweep.middle], [third(2), n, T.sweep.late], [0, n, T.sweep.always]].filter(([a, b]) => b > a);
    return { field: fieldOf(track, 'when'), values: parts.map(([a, b]) => ({ steps: [a, b] })), labels: parts.map(([, , label_]) => label_) };
  }
  const kind = kindOf(track.control);
  return { field: fieldOf(track, kind.level), from: Math.max(0, kind.range[0]), to: kind.range[1], count: 5 };
}

export function makeSweep(store, reading, events, actions, hooks) {
  let axes = [];
  let run = null;
  let starting = false;
  let stop = () => {};
  const form = h('div.sweep-form');
  const sheet = h('div.sheet', { role: 'list', 'aria-label': T.sweep.sheet });
  const status = h('p.note');
  const wrong = h('p.wrong', { role: 'alert' });

  /** Fields that can be swept: numbers of the run, then each track's. */
  function fields() {
    const list = ['seed', 'guidance', 'steps'].map((value) => ({ value, label: T.settings[value] ?? T.draw.seed }));
    for (const track of tracksOf(store.doc)) {
      if (track.draft !== undefined) continue;
      const kind = kindOf(track.control);
      const title = titleOf(track);
      const at = (name) => fieldOf(track, name);
      if (!kind.lane) list.push({ value: at('where'), label: T.sweep.where(title) });
      list.push({ value: at('when'), label: T.sweep.when(title) });
      if (kind.level) list.push({ value: at(kind.level), label: T.sweep.level(title, T.levels[kind.level] ?? kind.level) });
      for (const name of kind.numbers ?? []) list.push({ value: at(name), label: T.sweep.level(title, T.fields[name]) });
    }
    return list;
  }

  /** What an axis of a field starts as. */
  function axisOf(field) {
    const [, index, name] = /^controls\[(\d+)[.\d]*\]\.(.*)$/.exec(field) ?? [];
    if (index === undefined) return { field, ...{ seed: { from: 1, to: 4, count: 4 }, guidance: { from: 1, to: 9, count: 5 }, steps: { values: [10, 20, 30] } }[field] };
    const track = tracksOf(store.doc).find((t) => t.draft === undefined && Number(index) >= t.start && Number(index) < t.start + t.controls.length);
    if (name === 'where' || name === 'when') return explored(track, name, reading.state.grid);
    const control = track.controls[Number(index) - track.start];
    const value = name === kindOf(control).level ? levelOf(control) : control[name];
    const range = name === kindOf(control).level ? kindOf(control).range : [0, 3];
    return { field, from: range[0], to: Math.max(range[1], isCurve(value) ? 1 : value ?? 1), count: 5 };
  }

  function axisForm(axis, i) {
    const options = [...(i ? [{ value: '', label: T.sweep.none }] : []), ...fields()];
    const pick = choiceField(i ? T.sweep.second : T.sweep.field, axis?.field ?? '', options, (field) => { axes[i] = field ? axisOf(field) : undefined; axes = axes.filter(Boolean); show(); }, { key: `axis-${i}` });
    if (!axis) return h('div.axis', pick);
    const put = (fields_) => { Object.assign(axis, fields_); wrong.textContent = ''; showRun(); };
    if (axis.values) {
      const text = axis.labels ?? axis.values.map(label);
      return h('div.axis', pick, axis.labels ? h('p.note', text.join(', ')) : textField(T.sweep.list, text.join(', '), (v) => put({ values: parseList(v) }), { key: `values-${i}` }));
    }
    const whole = axis.field === 'seed';
    return h('div.axis', pick, h('div.row', numberField(T.sweep.from, axis.from, (v) => put({ from: v ?? 0 }), { key: `from-${i}`, attributes: whole ? { step: 1 } : {} }), numberField(T.sweep.to, axis.to, (v) => put({ to: v ?? 1 }), { key: `to-${i}` }),
      numberField(T.sweep.times, axis.count, (v) => put({ count: Math.max(1, Math.round(v ?? 1)) }), { key: `count-${i}`, attributes: { min: 1, max: 20, step: 1 } })));
  }

  const runButton = h('button.primary', { type: 'button', onclick: start });
  const stopButton = h('button.quiet', { type: 'button', hidden: true, onclick: () => run && api.cancel(run.id).catch((error) => [404, 409].includes(error.status) || actions.say(error.message)) }, T.sweep.stop);
  function showRun() {
    const n = axes.length ? axes.reduce((total, axis) => total * valuesOf(axis).length, 1) : 0;
    runButton.textContent = T.sweep.run(n);
    runButton.disabled = !n || n > MOST || starting || Boolean(run && !run.final);
    stopButton.hidden = !run || run.final;
    if (n > MOST) wrong.textContent = T.sweep.limit(MOST);
  }

  function show() {
    fill(form, axisForm(axes[0] ?? { field: '', values: [], labels: [T.sweep.nothing] }, 0), axes[0] ? axisForm(axes[1], 1) : null);
    wrong.textContent = '';
    showRun();
  }

  async function start() {
    if (starting) return;
    const { seeds, ...recipe } = structuredClone(store.recipe); // a cell has one picture
    const { grid } = reading.state;
    if (seeds) recipe.seed = seeds[0];
    const used = structuredClone(axes).map((axis) => (axis.values ? axis : { ...axis, values: valuesOf(axis), from: undefined, to: undefined, count: undefined }));
    stop();
    wrong.textContent = '';
    starting = true;
    try {
      const job = await api.start({ kind: 'sweep', spec: { version: 1, recipe, axes: specOf(recipe, used, grid) } });
      run = runOf({ id: job.id, recipe, axes: used }, grid);
      remember(run);
      store.look({ first: false });
      stop = listen(job.id, follow);
      draw();
    } catch (error) {
      wrong.textContent = error.message;
    }
    starting = false;
    showRun();
  }

  const runOf = ({ id, recipe, axes: used }, grid) =>
    ({ id, recipe, axes: used, grid, pictures: [], total: used.reduce((n, a) => n * a.values.length, 1), looked: -Infinity, final: false });

  /** After a reload: the sweep that this tab began last, as far as it is; of one that has ended the sheet. */
  async function reattach() {
    const kept = remembered();
    if (run || !kept) return;
    let job;
    let grid;
    try {
      [job, grid] = await Promise.all([api.job(kept.id), gridOf(kept)]);
    } catch (error) {
      if (error.away) throw error;
      return;
    }
    if (run) return;
    run = runOf(kept, grid);
    run.final = FINAL.includes(job.state);
    keep(job.pictures ?? []);
    if (!run.final) {
      stop = listen(run.id, follow);
      actions.say(T.sweep.reattached);
    }
    draw();
  }

  function follow(event) {
    if (event.type === 'lost') return events.tell('away', { job: true });
    const job = event.type === 'job' ? event.job ?? event : null;
    if (job?.pictures) keep(job.pictures);
    if (job && FINAL.includes(job.state)) {
      run.final = true;
      stop();
      actions.announce(T.sweep.running(run.pictures.length, run.total));
      if (job.error) wrong.textContent = job.error.detail ?? job.error.title;
      else if (job.state === 'interrupted') wrong.textContent = T.draw.interrupted;
      events.tell('drawn', job);
    } else if (event.type === 'step') return look();
    return draw();
  }

  /** What the server says of the run; undefined where it has ended meanwhile, or another one has begun: then it comes too late. */
  async function asked() {
    const mine = run;
    const job = await api.job(mine.id).catch((error) => ({ error }));
    return run === mine && !mine.final ? job : undefined;
  }

  /** The server was away: what it drew since then, and the rest. */
  async function resume() {
    if (!run) return reattach().catch((error) => events.tell('away', error));
    if (run.final) return;
    const said = await asked();
    if (!said || said.error?.away) return;
    const job = said.state ? said : { state: 'interrupted' };
    stop();
    if (!FINAL.includes(job.state)) stop = listen(run.id, follow);
    follow({ type: 'job', job });
  }

  /** Between the job's own events, at most once a second. */
  async function look() {
    if (performance.now() - run.looked < 1000) return;
    run.looked = performance.now();
    const job = await asked();
    if (!job?.pictures) return;
    keep(job.pictures);
    draw();
  }

  /** The cells among a job's pictures: the sheet is none; a name ends in the cell's number. */
  function keep(pictures) {
    run.pictures = pictures.filter((p) => p.label !== 'sheet').map((p) => ({ ...p, cell: p.cell ?? Number(/-(\d+)(?:\.png)?$/.exec(p.name)?.[1] ?? 0) }));
  }

  function draw() {
    const columns = run.axes.length > 1 ? run.axes[1].values.length : Math.min(4, run.axes[0].values.length);
    sheet.style.setProperty('--columns', columns);
    const byCell = new Map(run.pictures.map((p) => [p.cell, p]));
    status.textContent = run.final ? '' : T.sweep.running(byCell.size, run.total);
    fill(sheet, Array.from({ length: run.total }, (_, i) => {
      const [recipe, labels] = cellOf(run.recipe, run.axes, i, run.grid);
      const picture = byCell.get(i);
      const text = labels.join(' · ');
      return h('div.cell', { role: 'listitem' }, picture
        ? h('button.tile-picture', { type: 'button', 'aria-label': T.sweep.take(text), 'data-key': `cell-${i}`, onclick: () => take(recipe, picture) }, h('img', { src: picture.url, alt: '' }))
        : h('div.blank'), h('span', text));
    }));
    showRun();
  }

  function take(recipe, picture) {
    actions.takeRecipe(recipe, T.sweep.taken);
    hooks.show({ ...picture, recipe });
  }

  events.on('back', resume);
  events.on('explore', ({ track, what }) => {
    axes = [explored(track, what, reading.state.grid)];
    hooks.open();
    show();
    runButton.focus();
  });
  store.on((what) => what.doc && hooks.visible() && !form.contains(document.activeElement) && show());
  const element = h('div.panel.sweep', h('p.note', T.sweep.intro), form, h('div.panel-tools', runButton, stopButton), wrong, status, sheet);
  return { element, reattach, shown: (on) => on && show() };
}

/** What a reload needs of a sweep. */
function remember({ id, recipe, axes }) {
  try {
    sessionStorage.setItem(KEY, stringify({ id, recipe, axes }));
  } catch { /* full or forbidden: a reload finds its pictures in the history */ }
}

function remembered() {
  try {
    const kept = parse(sessionStorage.getItem(KEY));
    return kept && wrongIn(kept.recipe) === null && kept.axes.every((axis) => axis.values.length && axis.field) ? kept : null;
  } catch {
    return null;
  }
}

/** The score's paper of a recipe, where its cells are made with it. */
async function gridOf({ recipe, axes }) {
  if (!axes.some((axis) => axis.field.includes('..'))) return undefined;
  const [{ blocks }, answer] = await Promise.all([api.blocks(recipe.model), api.explain(recipe)]);
  return makeGrid(blocks, withRefiner(answer).calls);
}

const parseList = (text) => text.split(',').map((v) => v.trim()).filter(Boolean).map((v) => (v !== '' && !Number.isNaN(Number(v)) ? Number(v) : v));
