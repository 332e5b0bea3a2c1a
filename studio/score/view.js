// The score on the page: tools, row names, canvas, the grid under it, and what the chosen track acts on.
import { eachFrame, fill, h, icon, iconButton } from '../dom.js';
import { T, titleOf } from '../texts.js';
import { bend, isCurve } from './curve.js';
import { draw } from './draw.js';
import { makeKeyboard } from './keyboard.js';
import { KINDS, kindOf, levelOf } from './kinds.js';
import { makeModel } from './model.js';
import { colours, makeInk } from './palette.js';
import { listenToPointer } from './pointer.js';

const TOOLS = [['brush', 'brush', 'B'], ['rect', 'rect', 'R'], ['erase', 'erase', 'E'], ['curve', 'curve', 'C']];

export function makeScore(store, reading, events, say) {
  const model = makeModel(store, reading);
  const canvas = h('canvas.score-canvas', { 'aria-hidden': 'true' });
  const names = h('div.score-names');
  const tools = h('div.toolbar', { role: 'toolbar', 'aria-label': T.score.tools });
  const readout = h('p.readout', T.score.waiting);
  const pointed = h('p.pointed', { 'aria-hidden': 'true' });
  const context = canvas.getContext('2d', { alpha: true });
  let theme = themeOf();
  let measured = 0; // frames that the browser's timeline holds

  const hooks = {
    redraw: eachFrame(redraw),
    say,
    refused: (track) => say(track ? (KINDS[track.kind] ? T.score.laneOnly(titleOf(track)) : T.score.keptOnly) : T.score.noTrack),
    label: (i) => titleOf(model.tracks[i]),
    levelChanged: showTools,
    unfold,
  };
  const keyboard = makeKeyboard(model, store, hooks);
  listenToPointer(canvas, model, store, hooks);

  function unfold(name) {
    if (!name) return;
    const open = store.view.unfolded;
    store.look({ unfolded: open.includes(name) ? open.filter((n) => n !== name) : [...open, name] });
  }

  function redraw() {
    if (!model.plan) return;
    performance.mark('score-begin');
    const ratio = Math.min(3, devicePixelRatio || 1);
    const { width, height } = model.plan;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.height = `${height}px`;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    draw(context, scene(ratio));
    showReadout();
    performance.measure('score-frame', 'score-begin');
    performance.clearMarks('score-begin');
    measured += 1;
    if (measured < 500) return; // a browser keeps them all
    performance.clearMeasures('score-frame');
    measured = 0;
  }

  function scene(ratio) {
    const level = model.track && levelOf(model.track.controls[0] ?? model.track.control);
    const curved = model.track && kindOf(model.track.control).level && (model.tool === 'curve' || isCurve(level));
    return {
      ...theme, ratio, plan: model.plan, grid: model.grid, tracks: model.tracks, cells: model.cells, windows: model.windows, hues: model.hues,
      selected: model.selected, hover: model.hover, cursor: model.cursor, anchor: model.anchor, focused: model.focused,
      rect: model.rect, playhead: headAt(store.view.playhead), labels: model.tracks.map(titleOf),
      curve: curved && (isCurve(level) || model.tool === 'curve') ? { value: bend(level), chosen: model.point } : null,
    };
  }

  /** Where the run is on the score's steps: {column, pass}; a later pass where the noise is as strong as in its own step. */
  function headAt(head) {
    if (!head || !head.pass) return head && { column: head.step, pass: 0 };
    const sigma = reading.state.second?.[head.step]?.sigma ?? head.sigma ?? 0;
    const away = ({ sigma: s }) => Math.abs(Math.log1p(s) - Math.log1p(sigma));
    const { steps } = model.grid;
    return { column: steps.reduce((best, s, c) => (away(s) < away(steps[best]) ? c : best), 0), pass: head.pass };
  }

  function showReadout() {
    if (!model.grid) return;
    const acting = model.acting(model.selected);
    const text = acting ? T.score.acts(acting) : model.track ? (KINDS[model.track.kind] ? T.score.paintMe : T.score.keptOnly) : T.score.noTrack;
    if (readout.textContent !== text) readout.textContent = text;
    const { hover } = model;
    const where = hover ? `${model.plan.rows[hover.row].label} · ${T.score.at(model.grid.steps[hover.column])}` : '';
    if (pointed.textContent !== where) pointed.textContent = where;
  }

  function showNames() {
    if (!model.plan) return;
    names.style.height = `${model.plan.height}px`;
    const head = h('div.score-head', h('span', T.score.step), h('span', T.score.sigma));
    head.style.height = `${model.plan.header}px`;
    head.style.setProperty('--scale', model.plan.scale);
    const seen = new Set();
    fill(names, head, model.plan.rows.map((row) => {
      const first = !seen.has(row.block?.name);
      seen.add(row.block?.name);
      const element = row.type === 'lane' ? h('div.row-name.lane', h('span.row-title', { title: T.kinds[row.label] }, T.lanes[row.label] ?? T.kinds[row.label] ?? row.label)) : rowButton(row, first);
      element.style.top = `${row.y}px`;
      element.style.height = `${row.height}px`;
      return element;
    }), groupMarks());
  }

  function rowButton(row, first) {
    const open = store.view.unfolded.includes(row.block.name);
    if (row.type === 'layer' && !first) return h('div.row-name.layer', h('span.row-title', row.label));
    return h(`button.row-name.${row.type}`, {
      type: 'button', 'aria-expanded': open, onclick: () => unfold(row.block.name), 'data-key': row.block.name,
      title: T.score.unfold(row.block), 'aria-label': T.score.blockLabel(row.block),
    }, icon(open ? 'down' : 'right'), h('span.row-title', row.label), h('span.row-note', T.score.blockNote(row.block)));
  }

  /** The groups' names beside their blocks, read upwards. */
  function groupMarks() {
    const groups = new Map();
    for (const row of model.plan.rows) {
      if (!row.block?.group) continue;
      const mark = groups.get(row.group) ?? { y: row.y, end: 0 };
      groups.set(row.group, { ...mark, end: row.y + row.height });
    }
    return [...groups].map(([group, { y, end }]) => {
      const mark = h('div.group-mark', { 'aria-hidden': 'true' }, end - y > 70 ? h('span', group) : null);
      mark.style.top = `${y}px`;
      mark.style.height = `${end - y}px`;
      mark.dataset.group = group;
      return mark;
    });
  }

  function showTools() {
    const kind = model.track && kindOf(model.track.control);
    const buttons = TOOLS.map(([tool, glyph, key]) => iconButton(glyph, store.view.letters ? `${T.score.tool[tool]} (${key})` : T.score.tool[tool], () => choose(tool), {
      'aria-pressed': model.tool === tool, 'aria-keyshortcuts': store.view.letters ? key : undefined, 'data-key': tool,
    }));
    const all = store.view.unfolded.length >= (model.grid?.blocks.length ?? 1);
    fill(tools, h('div.group', buttons), kind?.level ? brush(kind) : null,
      h('button.quiet', { type: 'button', 'data-key': 'unfold', onclick: () => store.look({ unfolded: all ? [] : model.grid.blocks.map((b) => b.name) }) }, all ? T.score.foldAll : T.score.unfoldAll));
  }

  function brush(kind) {
    const [low, high] = kind.range;
    const show = h('output', T.amount(model.level, kind));
    const slider = h('input', {
      type: 'range', min: low, max: high, step: (high - low) / 100, 'aria-label': T.score.brushLevel(T.levels[kind.level] ?? kind.level), 'data-key': 'brush',
      oninput: () => {
        model.level = Number(Number(slider.value).toFixed(3));
        show.textContent = T.amount(model.level, kind);
      },
    });
    slider.value = model.level;
    return h('label.brush', h('span', T.score.brushWith(T.levels[kind.level] ?? kind.level)), slider, show);
  }

  function choose(tool) {
    model.tool = tool;
    showTools();
    hooks.redraw();
  }

  function refresh() {
    const width = canvas.clientWidth || canvas.parentElement?.clientWidth || 600;
    const scale = Math.max(1, parseFloat(getComputedStyle(document.documentElement).fontSize) / 16);
    model.refresh(width, matchMedia('(pointer: coarse)').matches, scale);
    if (!model.grid && reading.state.problem) readout.textContent = reading.state.problem.message;
    showNames();
    keyboard.update();
    hooks.redraw();
  }

  const board = h('div.score-board', names, h('div.score-sheet', canvas, keyboard.element));
  new ResizeObserver(eachFrame(refresh)).observe(board); // it changes the board's height: not while sizes are being told
  const retheme = () => {
    theme = themeOf();
    hooks.redraw();
  };
  for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)']) matchMedia(query).addEventListener('change', retheme);
  events.on('theme', retheme);
  events.on('grid', () => { refresh(); showTools(); });
  events.on('explained', refresh);
  store.on((what) => {
    if (what.view?.includes('letters')) showTools();
    if (what.view && !what.view.some((v) => ['selected', 'unfolded', 'playhead'].includes(v))) return;
    if (what.view?.every((v) => v === 'playhead')) return hooks.redraw();
    if (model.stroke && what.doc) return;
    refresh();
    if (what.view || what.undone) showTools();
  });
  return { element: h('div.score', board), tools, readout, pointed, model, refresh, choose, showTools, redraw, headAt };
}

/** The page's colours, for the canvas. */
function themeOf() {
  const { sheet, 'rule-strong': ruleStrong, 'accent-line': accent, ...others } = colours(['sheet', 'rule', 'rule-strong', 'ink', 'muted', 'accent-line', 'focus', 'hover', 'past', 'grain']);
  return { theme: { ...others, paper: sheet, ruleStrong, accent }, ink: makeInk(sheet, others.ink) };
}
