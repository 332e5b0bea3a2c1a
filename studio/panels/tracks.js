// The list of tracks in the order they act, and everything about the chosen one.
import { fill, h, icon, iconButton } from '../dom.js';
import { checkField, choiceField, isTyping, jsonField, numberField, slider, textField } from '../fields.js';
import { addressOf } from '../region.js';
import { addPoint, bend, isCurve, movePoint, points, removePoint } from '../score/curve.js';
import { KINDS, OFFERED, fresh, kindOf, levelOf } from '../score/kinds.js';
import { hueVar } from '../score/palette.js';
import { inPlace, levelsOf, moved, strongest, tracksOf, unplaced, withControls, withFields, withLevelOf, withLevelsTimes, without } from '../score/tracks.js';
import { wrongIn } from '../shape.js';
import { T, titleOf } from '../texts.js';

/** Parts of a recipe that no cell shows: they stay as they are. */
const KEPT = ['edits', 'second_pass', 'refiner', 'embeddings'];

/** What numbers are when absent. */
const PLACEHOLDERS = {
  gain_k: '1', gain_v: '1', strength: '1', limit: '2.5', base_share: '0', low: '100', high: '200', seed: '0', b2: '1', s1: '1', s2: '1', zero_steps: '0',
  percentile: '1', threshold: '1', shift: '0', fidelity: '0', momentum: '-0.5', 'projected_guidance limit': '15',
};

export function makeTracks(store, reading, events, score, actions) {
  const list = h('ol.tracks', { 'aria-label': T.tracks.label, id: 'tracks' });
  const menu = h('div.kind-menu', { hidden: true });
  const adder = h('button.add-track', { type: 'button', 'aria-expanded': false, onclick: () => openMenu(menu.hidden) }, icon('plus'), T.tracks.add);
  const { model } = score;
  const folds = new Set();
  const unsaid = new Map();
  let own = false; // a number shows what it has written itself
  let shown = []; // the tracks of the rows that are there
  const now = (index) => inPlace(store.doc, shown[index]);
  const change = (index, fields, group) => store.edit(withFields(store.doc, now(index), fields), group && `${group} ${index}`);

  function write(index, fields) {
    own = true;
    change(index, fields);
    own = false;
  }

  function openMenu(open) {
    menu.hidden = !open;
    adder.setAttribute('aria-expanded', String(open));
    if (open) menu.querySelector('button')?.focus();
  }
  menu.addEventListener('keydown', (e) => {
    if (e.key !== 'Escape') return;
    e.stopPropagation();
    openMenu(false);
    adder.focus();
  });
  menu.append(...OFFERED.map((kind) => h('button.kind', { type: 'button', onclick: () => add(kind) }, h('b', T.kinds[kind]), h('span', T.kindHints[kind] ?? ''))));

  /** A new track: painted nowhere, but for kinds whose usual place is everywhere. */
  function add(kind, given) {
    const control = fresh(kind, given);
    const placed = KINDS[kind].lane || ['reweight', 'mask_tokens', 'replace_tokens', 'value_gain', 'lora', 'controlnet', 'picture_prompt', 'regions'].includes(kind);
    const doc = { ...store.doc, drafts: [...store.doc.drafts, control] };
    const draft = tracksOf(doc).at(-1);
    store.edit(placed ? withControls(doc, draft, [control]) : doc);
    const tracks = tracksOf(store.doc);
    model.select(placed ? tracks.filter((t) => t.draft === undefined).length - 1 : tracks.length - 1);
    openMenu(false);
    queueMicrotask(() => list.querySelector('.chosen input[type=text]')?.focus());
  }

  function row(track, i) {
    const title = titleOf(track);
    const chosen = i === model.selected;
    const enabled = track.control.enabled !== false;
    const hueOf = hueVar(model.hues[i] ?? 0);
    const acting = model.acting(i);
    const lane = kindOf(track.control).lane;
    const said = acting ? T.score.acts({ ...acting, lane }) : track.draft !== undefined ? T.tracks.draft : KINDS[track.kind] ? '' : T.tracks.kept;
    const level = T.amounts(levelsOf(track), kindOf(track.control));
    const element = h(`li.track${chosen ? '.chosen' : ''}${enabled ? '' : '.off'}`, { vars: { '--hue': hueOf } },
      h('div.track-line',
        h('button.track-name', { type: 'button', 'aria-current': chosen ? 'true' : undefined, 'data-key': `track-${i}`, onclick: () => model.select(i) },
          h('i.swatch'), title === T.kinds[track.kind] ? null : h('span.track-kind', T.kinds[track.kind] ?? track.kind), h('span.track-title', title), h('span.track-level', level), h('span.track-acts', said)),
        h('div.track-tools',
          iconButton(enabled ? 'eye' : 'off', enabled ? T.tracks.on(title) : T.tracks.off(title), () => change(i, { enabled: enabled ? false : undefined }), { 'data-key': `eye-${i}` }),
          chosen ? iconButton('up', T.tracks.up(title), () => reorder(i, -1), { disabled: i === 0 || track.draft !== undefined, 'data-key': 'up' }) : null,
          chosen ? iconButton('down', T.tracks.down(title), () => reorder(i, 1), { disabled: (model.tracks[i + 1] ?? { draft: 0 }).draft !== undefined, 'data-key': 'down' }) : null,
          iconButton('close', T.tracks.remove(title), () => remove(i)))),
      problemOf(track), chosen ? inspector(track, i) : null);
    return element;
  }

  function reorder(i, by) {
    store.edit(moved(store.doc, i, by));
    model.select(i + by);
    const [key, other] = by < 0 ? ['up', 'down'] : ['down', 'up'];
    const at = (which) => list.querySelector(`[data-key=${which}]`);
    queueMicrotask(() => at(key)?.disabled && at(other).focus()); // where the button that had the focus can do no more
  }

  function remove(i) {
    store.edit(without(store.doc, now(i)));
    queueMicrotask(() => (list.querySelector(`[data-key="track-${Math.min(i, model.tracks.length - 1)}"]`) ?? adder).focus());
  }

  /** What the server says is wrong with one of the track's controls. */
  function problemOf(track) {
    const { problem } = reading.state;
    const at = Number(/^controls\[(\d+)\]/.exec(problem?.field ?? '')?.[1] ?? -1);
    const inside = track.draft === undefined && at >= track.start && at < track.start + track.controls.length;
    return inside ? h('p.wrong', problem.message) : null;
  }

  function inspector(track, i) {
    const kind = kindOf(track.control);
    const c = track.controls[0] ?? track.control;
    return h('div.inspector',
      h('div.fields', texts(track, i, kind, c), pictureOf(i, kind, c), picturesOf(i, kind, c), parts(track, i, c), levelField(track, i, kind, c), choices(i, kind, c), numbers(i, kind, c), switches(i, kind, c)),
      curveTable(i, kind, c), places(track, i, kind), exploring(i, kind),
      kind.lane || !KINDS[track.kind] ? null : fold('more', T.tracks.details, h('div.fields', reach(i, kind, c))),
      fold('json', T.tracks.json, jsonField(track.controls.length > 1 ? track.controls : c, (value) => replace(i, Array.isArray(value) ? value : [value]), T.tracks.json, unsaid)));
  }

  /** A part that opens, and stays open when the list is drawn anew. */
  function fold(key, summary, ...children) {
    return h('details', { 'data-key': key, open: folds.has(key), ontoggle: (e) => folds[e.target.open ? 'add' : 'delete'](key) }, h('summary', summary), children);
  }

  const formOf = (recipe) => (wrongIn(recipe) === null ? undefined : T.recipe.form(wrongIn(recipe)));

  function replace(i, controls) {
    const wrong = formOf({ controls });
    if (wrong) return wrong;
    if (shown[i].draft !== undefined) return store.edit(withFields(store.doc, now(i), controls[0]));
    const more = controls.length - shown[i].controls.length;
    store.edit(withControls(store.doc, now(i), controls));
    shown = shown.map((track, k) => (k === i ? { ...track, controls } : k > i && track.draft === undefined ? { ...track, start: track.start + more } : track));
    return undefined;
  }

  function texts(track, i, kind, c) {
    const field = (name, more) => textField(T.fields[name], c[name], (v) => change(i, { [name]: v === '' && kind.optional ? undefined : v }, `text ${name}`), {
      key: `${i}-${name}`, onblur: () => store.close(), placeholder: kind.optional?.length ? kind.optional : T.tracks.missing, ...more,
    });
    const names = kind.list ? (reading.state.models?.[kind.list] ?? []).filter((m) => !m.error).map((m) => m.name) : undefined;
    const none = names && !names.length && !c[kind.text] ? h('p.note', T.tracks.noFile(T.tracks.folders[kind.list])) : null;
    return [kind.text ? (names?.length ? chosen(kind, c, names, i) : field(kind.text)) : null, none, kind.second ? field(kind.second) : null];
  }

  /** A file among the server's: a choice, and the one that stands there if it is none of them. */
  function chosen(kind, c, names, i) {
    const options = [...(c[kind.text] ? [] : [{ value: '', label: T.tracks.choose }]), ...names];
    const field = choiceField(T.fields[kind.text], c[kind.text], options, (v) => change(i, { [kind.text]: v }), { key: `${i}-${kind.text}` });
    field.classList.add('wide');
    return field;
  }

  /** The picture that a side network reads: sent to the server, named in the recipe. */
  function pictureOf(i, kind, c) {
    if (!kind.picture) return null;
    const file = h('input', { type: 'file', accept: 'image/png,image/jpeg,image/webp', hidden: true, onchange: () => file.files[0] && actions.upload(file.files[0]).then((name) => name && change(i, { [kind.picture]: name, data: undefined, picture_sha256: undefined })) });
    const there = c[kind.picture];
    return h('div.lead', file, there ? h('img.thumb', { src: addressOf(there), alt: '' }) : null,
      h('button.quiet', { type: 'button', 'data-key': `${i}-picture`, onclick: () => file.click() }, icon('image'), there || c.data ? T.tracks.otherPicture : T.tracks.picture));
  }

  /** Pictures, or faces' vectors, that are read as one: each can be taken away, others join. */
  function picturesOf(i, kind, c) {
    if (!kind.pictures) return null;
    const faces = reading.state.models?.[kind.list]?.find((m) => m.name === c[kind.text])?.faces;
    const shown = (address) => (faces ? h('span', T.tracks.face) : h('img.thumb', { src: address, alt: '' }));
    const put = (fields) => change(i, { picture_sha256: undefined, ...fields });
    const join = async (files) => {
      for (const file of files) {
        const name = await actions.upload(file, faces);
        if (name) put({ pictures: [...(now(i).controls[0] ?? now(i).control).pictures ?? [], name] });
      }
    };
    const file = h('input', { type: 'file', accept: faces ? '.safetensors' : 'image/png,image/jpeg,image/webp', multiple: true, hidden: true, onchange: () => join([...file.files]) });
    const each = (field, address, before) => (c[field] ?? []).map((one, k, all) => h('span.one-picture', shown(address(one)),
      iconButton('close', T.tracks.removePicture(before + k), () => put({ [field]: all.length > 1 ? all.filter((_, n) => n !== k) : undefined }))));
    return h('div.lead', file, each('pictures', addressOf, 0), each('data', (data) => `data:image/png;base64,${data}`, c.pictures?.length ?? 0),
      h('button.quiet', { type: 'button', 'data-key': `${i}-pictures`, onclick: () => file.click() }, icon('image'), faces ? T.tracks.faces : c.pictures || c.data ? T.tracks.morePictures : T.tracks.pictures));
  }

  function parts(track, i, c) {
    if (track.kind !== 'regions') return null;
    const put = (prompts, group) => change(i, { prompts }, group);
    return [(c.prompts ?? []).map((part, k) => h('div.part', textField(T.region.part(k, ''), part.prompt, (v) => put(c.prompts.map((p, n) => (n === k ? { ...p, prompt: v } : p)), `part ${k}`), { key: `${i}-part-${k}`, onblur: () => store.close() }),
      c.prompts.length > 1 ? iconButton('close', T.tracks.removePart(k), () => put(c.prompts.filter((_, n) => n !== k))) : null)),
    h('button.quiet', { type: 'button', onclick: () => put([...c.prompts, { prompt: '', region: { shape: 'rectangle', box: [0.5, 0, 0.5, 1] } }]) }, T.tracks.part)];
  }

  function levelField(track, i, kind, c) {
    if (!kind.level) return null;
    const name = T.levels[kind.level] ?? kind.level;
    const value = levelOf(c);
    if (levelsOf(track).length > 1 && strongest(track)) return allLevels(track, i, kind, name);
    if (isCurve(value)) return null;
    const put = (v) => { model.level = v; change(i, { [kind.level]: kind.usual === v ? undefined : v }, 'level'); };
    return slider(name, value, kind.range, put, { key: `${i}-level`, format: (v) => T.amount(v, kind), onDone: () => { store.close(); score.showTools(); } });
  }

  /** Of a track with several strengths: all of them by the same part; the slider stands at the strongest. */
  function allLevels(track, i, kind, name) {
    const most = strongest(track);
    const end = kind.range[most < 0 ? 0 : 1];
    let from; // the members as they were before this pull
    const put = (v) => {
      from ??= now(i).controls;
      store.edit(withLevelsTimes(store.doc, now(i), from, v / strongest({ controls: from })), `level ${i}`);
    };
    const done = () => { from = undefined; store.close(); score.showTools(); };
    return slider(T.tracks.allLevels(name), most, [Math.min(end, end / 100), Math.max(end, end / 100)], put, { key: `${i}-level`, step: Math.abs(end) / 100, format: (v) => T.amount(v, kind), onDone: done });
  }

  const named = (field, values) => values.map((value) => ({ value, label: T.choices[field]?.[value] ?? String(value) }));
  const choices = (i, kind, c) => Object.entries(kind.choices ?? {}).map(([name, options]) =>
    choiceField(T.fields[name], c[name], named(name, options), (v) => change(i, { ...foreign(kind, name, v), [name]: v === String(options[0]) && name !== 'perturb' ? undefined : options.find((o) => String(o) === v) ?? v }), { key: `${i}-${name}` }));

  const switches = (i, kind, c) => Object.entries(kind.switches ?? {}).map(([name, usual]) =>
    checkField(T.fields[name], c[name] ?? usual, (v) => change(i, { [name]: v === usual ? undefined : v }), { key: `${i}-${name}` }));

  /** Numbers that belong to other choices than this one go with them. */
  function foreign(kind, name, choice) {
    const of = kind.only?.[name] ?? {};
    return Object.fromEntries(Object.values(of).flat().filter((number) => !of[choice]?.includes(number)).map((number) => [number, undefined]));
  }

  const numbers = (i, kind, c) => [...(kind.numbers ?? []), ...(kind.words ? ['occurrence'] : []), ...Object.entries(kind.only ?? {}).flatMap(([name, of]) => of[c[name]] ?? [])].map((name) => (isCurve(c[name]) ? null
    : numberField(T.fields[name], c[name], (v) => write(i, { [name]: v }), { key: `${i}-${name}`, placeholder: PLACEHOLDERS[`${c.kind} ${name}`] ?? { occurrence: T.tracks.all, amount: c.prepare === 'tile' ? '4' : '9', blur_sigma: c.perturb === 'map' ? '1' : '' }[name] ?? PLACEHOLDERS[name] ?? '' })));

  /** Which rows of a call, heads and images it reaches. */
  function reach(i, kind, c) {
    const list = (name) => textField(T.fields[name], (c[name] ?? []).join(', '), (text) => {
      const numbers_ = text.split(/[\s,]+/).filter((v) => /^\d+$/.test(v)).map(Number);
      change(i, { [name]: numbers_.length ? numbers_ : undefined }, name);
    }, { key: `${i}-${name}`, placeholder: T.tracks.all, onblur: () => store.close() });
    const usual = ['lora', 'controlnet', 'picture_prompt'].includes(c.kind) ? 'both' : 'cond';
    return [kind.noRows ? null : choiceField(T.fields.rows, c.rows ?? usual, named('rows', ['cond', 'uncond', 'both']), (v) => change(i, { rows: v === usual ? undefined : v }), { key: `${i}-rows` }),
      kind.noHeads ? null : list('heads'), list('images')];
  }

  /** The curve as numbers, for hands that do not drag. */
  function curveTable(i, kind, c) {
    if (!kind.level) return null;
    const value = levelOf(c);
    const put = (v) => store.edit(withLevelOf(store.doc, now(i), value, v));
    if (!isCurve(value)) return h('button.quiet', { type: 'button', 'data-key': 'bend', onclick: () => { put(bend(value)); score.choose('curve'); } }, icon('curve'), T.tracks.curve);
    return h('fieldset.curve', h('legend', T.tracks.curve),
      points(value).map(([p, v], k) => h('div.point', h('span', T.tracks.point(k)),
        numberField(T.tracks.at, p, (x) => put(movePoint(value, k, x ?? 0, v)), { key: `${i}-p${k}`, attributes: { min: 0, max: 1, step: 0.05 } }),
        numberField(T.tracks.is, v, (y) => put(movePoint(value, k, p, y ?? 0)), { key: `${i}-v${k}`, attributes: { step: 0.05 } }),
        iconButton('close', T.tracks.removePoint(k), () => put(removePoint(value, k))))),
      h('button.quiet', { type: 'button', onclick: () => put(addPoint(value, 0.5, points(value)[0][1])[0]) }, T.tracks.addPoint),
      h('button.quiet', { type: 'button', onclick: () => put(points(value)[0][1]) }, T.tracks.flat));
  }

  function places(track, i, kind) {
    if (!KINDS[track.kind]) return h('p.note', T.tracks.keptNote);
    const units = Object.entries(T.tracks.units).map(([value, label]) => ({ value, label }));
    return h('div.places',
      h('button.quiet', { type: 'button', onclick: () => everywhere(i, kind) }, T.tracks.everywhere),
      h('button.quiet', { type: 'button', disabled: track.draft !== undefined, onclick: () => { store.edit(withControls(store.doc, now(i), [])); model.select(tracksOf(store.doc).length - 1); } }, T.tracks.nowhere),
      h('span', { title: T.tracks.unitHint }, choiceField(T.tracks.unit, model.unit ?? 'steps', units, (v) => { model.unit = v; }, { key: 'unit' })));
  }

  function everywhere(i) {
    store.edit(withControls(store.doc, now(i), [unplaced(now(i).controls[0] ?? now(i).control)]));
    model.select(Math.min(i, tracksOf(store.doc).length - 1));
  }

  function exploring(i, kind) {
    const track = model.tracks[i];
    if (track.draft !== undefined || !KINDS[track.kind]) return null;
    const go = (what) => events.tell('explore', { track, what });
    return h('div.places', h('span.places-label', T.tracks.explore), kind.lane ? null : h('button.quiet', { type: 'button', onclick: () => go('where') }, T.tracks.which),
      h('button.quiet', { type: 'button', onclick: () => go('when') }, T.tracks.moment), kind.level ? h('button.quiet', { type: 'button', onclick: () => go('level') }, T.tracks.much) : null);
  }

  function keptRow(name) {
    return h('li.track.kept', h('div.track-line', h('span.track-name', h('i.swatch'), h('span.track-kind', T.tracks.kept), h('span.track-title', name)), h('div.track-tools', iconButton('close', T.tracks.remove(name), () => store.editRecipe({ [name]: undefined })))),
      fold(name, T.tracks.json, jsonField(store.recipe[name], (v) => formOf({ [name]: v }) ?? store.editRecipe({ [name]: v }), name, unsaid)));
  }

  function refresh() {
    if (model.stroke) return;
    shown = model.tracks;
    fill(list, h('li.track.base', h('div.track-line', h('span.track-name', h('i.swatch'), h('span.track-kind', T.tracks.base), h('span.track-title', store.recipe.prompt || '…'), h('span.track-acts', T.tracks.baseNote)))),
      model.tracks.map(row), KEPT.filter((name) => store.recipe[name] !== undefined).map(keptRow));
  }

  /** What is being typed into stays, of what is not its own doing an open list, too; only the rest follows. */
  function soft(open) {
    const at = document.activeElement;
    if (list.contains(at) && (isTyping(at) || (open && at.matches('select')))) patch();
    else refresh();
  }

  function patch() {
    if (model.tracks.length !== shown.length) return; // two say the same while one of them is typed into
    model.tracks.forEach((track, i) => {
      const element = list.children[i + 1];
      element?.querySelector('.track-title')?.replaceChildren(titleOf(track));
      const acting = model.acting(i);
      if (acting) element?.querySelector('.track-acts')?.replaceChildren(T.score.acts({ ...acting, lane: kindOf(track.control).lane }));
      element?.querySelector('.track-level')?.replaceChildren(T.amounts(levelsOf(track), kindOf(track.control)));
      element?.querySelector(':scope > .wrong')?.remove();
      const problem = problemOf(track);
      if (problem) element?.querySelector('.track-line').after(problem);
    });
  }

  /** While it draws: the tracks that act at this step. */
  events.on('player', ({ busy, acting }) => model.tracks.forEach((track, i) => {
    const acts = busy && track.draft === undefined && acting.some((k) => k >= track.start && k < track.start + track.controls.length);
    list.children[i + 1]?.classList.toggle('acting', acts);
  }));
  list.addEventListener('focusout', () => setTimeout(() => !list.contains(document.activeElement) && refresh()));
  store.on((what) => (what.doc || what.view?.includes('selected')) && queueMicrotask(what.undone || what.view ? refresh : own ? patch : () => soft(false)));
  for (const name of ['grid', 'explained', 'models']) events.on(name, () => soft(true));
  return { element: h('section.card.tracks-card', { 'aria-label': T.tracks.title }, list, h('div.adder', adder, menu)), refresh, add };
}
