// The recipe as JSON beside the score: the same thing twice, either can be edited; the server says what is wrong with it.
import { api } from '../api.js';
import { debounce, fill, h, icon, iconButton, set } from '../dom.js';
import { parse, stringify } from '../json.js';
import { wrongIn } from '../shape.js';
import { EXAMPLE } from '../store.js';
import { T } from '../texts.js';

export function makeRecipe(store, reading, events, actions) {
  const area = h('textarea.code.recipe', { spellcheck: 'false', 'aria-label': T.recipe.label, id: 'recipe-json', oninput: () => read(), onchange: (event) => { read.now(); if (unread) event.preventDefault(); } });
  const status = h('p.recipe-status', { role: 'status' });
  const notes = h('ul.notes');
  const kept = h('ul.kept');
  const starts = h('ul.kept');
  const startsTitle = h('h3', { hidden: true }, T.recipe.starts);
  const name = h('input', { type: 'text', 'aria-label': T.recipe.keep, placeholder: T.recipe.keep, 'data-own-undo': true });
  const file = h('input', { type: 'file', accept: '.json,image/*', hidden: true, onchange: () => { if (file.files[0]) actions.takeFile(file.files[0]); file.value = ''; } });
  const question = h('div.ask', { role: 'alertdialog', hidden: true });
  const button = (text, onclick) => h('button.quiet', { type: 'button', onclick }, text);
  let visible = false;
  let own = false;
  let unread = ''; // what is wrong with the text, before the server can read it

  const read = debounce(150, () => {
    try {
      const recipe = parse(area.value);
      const wrong = wrongIn(recipe);
      unread = wrong === null ? '' : T.recipe.form(wrong);
      if (!unread) take(recipe);
    } catch (error) {
      const line = /position (\d+)/.exec(error.message);
      unread = T.recipe.bad(line ? area.value.slice(0, Number(line[1])).split('\n').length : 0) + error.message;
    }
    show();
  });

  function take(recipe) {
    own = true;
    try {
      store.edit({ ...store.doc, recipe }, 'json');
    } finally {
      own = false;
    }
  }

  function show() {
    const { problem, notes: said, stale } = reading.state;
    status.className = `recipe-status ${unread || problem ? 'bad' : 'good'}`;
    status.textContent = unread || (stale ? '' : problem ? problem.message : T.recipe.ok);
    fill(notes, (said ?? []).map((note) => h('li', note)));
  }

  /** What is being typed stays, unless the document went back under it. */
  function refresh(undone) {
    if (!visible) return;
    if (undone || document.activeElement !== area) {
      area.value = compact(store.recipe);
      unread = '';
    }
    show();
  }

  let turn = 0; // of the last question: answers of earlier ones come too late
  async function list() {
    const mine = ++turn;
    const { recipes, presets = [] } = await api.recipes().catch(() => ({}));
    if (!recipes || mine !== turn) return;
    fill(starts, presets.map((p) => h('li', h('button.quiet', { type: 'button', title: p.about, onclick: () => actions.takeRecipe(p.recipe, T.files.recipe) }, p.name))));
    startsTitle.hidden = !presets.length;
    fill(kept, recipes.length ? recipes.map(keptRow) : h('li.note', T.recipe.none));
  }

  const keptRow = ({ name: which }) => h('li', h('button.quiet', { type: 'button', 'data-key': `kept ${which}`, onclick: () => fetchKept(which) }, which),
    iconButton('close', T.recipe.forget(which), () => ask('forget', which, () => forget(which))));

  /** Before a kept recipe is gone from the server: asked beside the list, until it is answered. */
  function ask(what, which, meant) {
    const from = document.activeElement;
    const answer = (doIt) => () => {
      question.hidden = true;
      from.focus();
      if (doIt) meant();
    };
    const text = T.recipe.ask[what](which);
    set(question, { 'aria-label': text, onkeydown: (event) => { if (event.key === 'Escape') { event.stopPropagation(); answer(false)(); } } });
    fill(question, h('p', text), button(T.recipe.yes[what], answer(true)), button(T.recipe.no, answer(false)));
    question.hidden = false;
    question.lastChild.focus();
  }

  async function forget(which) {
    try {
      await api.forget(which);
    } catch (error) {
      return actions.say(error.message);
    }
    actions.say(T.recipe.forgotten(which));
    await list();
    if (document.activeElement === document.body) (kept.querySelector('button') ?? name).focus();
    return undefined;
  }

  let wanted; // of several clicks in a row the last one's
  async function fetchKept(which) {
    const mine = wanted = {};
    try {
      const { recipe } = await api.recipe(which);
      if (mine === wanted) actions.takeRecipe(recipe, T.files.recipe);
    } catch (error) {
      actions.say(error.message);
    }
  }

  async function keep(event) {
    event.preventDefault();
    const as = name.value.trim();
    if (!as) return name.focus();
    try {
      const { recipes } = await api.recipes();
      if (recipes.some((r) => r.name === as)) return ask('replace', as, () => put(as).catch((error) => actions.say(error.message)));
      await put(as);
    } catch (error) {
      actions.say(error.message);
    }
    return undefined;
  }

  async function put(as) {
    await api.keep(as, store.recipe);
    name.value = '';
    await list();
  }

  function save() {
    const url = URL.createObjectURL(new Blob([`${compact(store.recipe)}\n`], { type: 'application/json' }));
    h('a', { href: url, download: `${(store.recipe.prompt || 'recipe').replace(/[^\p{L}\p{N}]+/gu, '-').slice(0, 60)}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
  const copy = () => navigator.clipboard?.writeText(compact(store.recipe)).then(() => actions.say(T.recipe.copied));
  store.on((what) => what.doc && !own && refresh(what.undone));
  events.on('explained', () => visible && show());
  const element = h('div.panel.recipe-panel', h('p.note', T.recipe.hint), area, status, notes,
    h('div.panel-tools', button(T.recipe.copy, copy), button(T.recipe.save, save), button(T.recipe.load, () => file.click()), button(T.recipe.example, () => actions.takeRecipe(EXAMPLE, T.files.recipe)), file),
    h('h3', T.recipe.named), kept, question, h('form.keep', { onsubmit: keep }, name, h('button.quiet', { type: 'submit' }, icon('plus'), T.recipe.keepButton)), startsTitle, starts);
  return { element, shown(on) { visible = on; question.hidden = true; refresh(); if (on) list(); } };
}

/** JSON of which small lists and objects stand on one line. */
export function compact(value, indent = '') {
  const flat = stringify(value);
  if (typeof value !== 'object' || value === null || flat.length + indent.length < 64) return flat.replace(/"(?:[^"\\]|\\.)*"|[,:]/g, (part) => (part === ',' || part === ':' ? `${part} ` : part));
  const more = `${indent}  `;
  if (Array.isArray(value)) return `[\n${value.map((v) => more + compact(v, more)).join(',\n')}\n${indent}]`;
  return `{\n${Object.entries(value).filter(([, v]) => v !== undefined).map(([k, v]) => `${more}${stringify(k)}: ${compact(v, more)}`).join(',\n')}\n${indent}}`;
}
