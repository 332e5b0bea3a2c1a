// The prompt as text and as the tokens that the model reads: a click masks a word, a drag or arrow keys weigh it.
import { api } from './api.js';
import { debounce, fill, h, set } from './dom.js';
import { stringify } from './json.js';
import { T } from './texts.js';
import { whenMeant } from './touch.js';
import { isCurve } from './score/curve.js';
import { hueVar } from './score/palette.js';
import { tracksOf } from './score/tracks.js';

/** Tokens that touch and are letters are one word: {text, tokens, weight, occurrence, read}. */
export function wordsOf(tokens) {
  const words = [];
  let end = -1;
  for (const token of tokens) {
    const text = token.text.trim();
    if (!text) continue;
    const last = words.at(-1);
    if (last && token.begin < end) { // a letter of several tokens
      last.tokens += 1;
      continue;
    }
    const joins = last && token.begin === end && /[\p{L}\p{N}]$/u.test(last.text) && /^[\p{L}\p{N}]/u.test(text);
    if (joins) Object.assign(last, { text: last.text + text, tokens: last.tokens + 1, end: token.end });
    else words.push({ text, tokens: 1, begin: token.begin, end: token.end, weight: token.weight ?? 1, read: token.read !== false });
    end = token.end ?? -2;
  }
  const seen = new Map();
  for (const word of words) {
    const key = word.text.toLowerCase();
    word.occurrence = (seen.get(key) ?? 0) + 1;
    seen.set(key, word.occurrence);
  }
  for (const word of words) word.repeated = seen.get(word.text.toLowerCase()) > 1;
  return words;
}

/** A control of the whole run about this word alone. */
function isAbout(control, kind, word) {
  if (control.kind !== kind || control.where || control.when || control.region || control.phrase?.toLowerCase() !== word.text.toLowerCase()) return false;
  return (control.occurrence ?? 0) === (word.repeated ? word.occurrence : 0) || !control.occurrence;
}

const about = (kind, word, more) => ({ kind, phrase: word.text, ...(word.repeated ? { occurrence: word.occurrence } : {}), ...more });

/** The document with a word masked or read again. */
export function toggleMask(doc, word) {
  const list = doc.recipe.controls ?? [];
  const i = list.findIndex((c) => isAbout(c, 'mask_tokens', word));
  const controls = i >= 0 ? list.filter((_, k) => k !== i) : [...list, about('mask_tokens', word)];
  return withControlList(doc, controls);
}

/** The document with a word's weight; 1 is no control. */
export function weigh(doc, word, scale) {
  const list = doc.recipe.controls ?? [];
  const i = list.findIndex((c) => isAbout(c, 'reweight', word));
  const value = Math.round(Math.max(0, Math.min(8, scale)) * 100) / 100;
  const controls = [...list];
  if (i >= 0 && value === 1) controls.splice(i, 1);
  else if (i >= 0) controls[i] = { ...list[i], scale: value };
  else if (value !== 1) controls.push(about('reweight', word, { scale: value }));
  return withControlList(doc, controls);
}

/** A prompt in A1111's syntax with a word's weight, "(cat:1.2)"; plain where its surroundings weigh as much. begin, end: its bytes. */
export function weighA1111(prompt, { begin, end, weight }, to) {
  const bytes = new TextEncoder().encode(prompt);
  const text = (...range) => new TextDecoder().decode(bytes.slice(...range));
  let [before, after] = [text(0, begin), text(end)];
  const own = /(?:^|[^\\])\($/.test(before) && /^\s*:\s*([\d.]+)\s*\)/.exec(after);
  if (own) [before, after] = [before.slice(0, -1), after.slice(own[0].length)];
  const around = own && Number(own[1]) ? weight / Number(own[1]) : own ? 1 : weight;
  const part = Math.round((Math.max(0, Math.min(8, to)) / (around || 1)) * 100) / 100;
  return `${before}${part === 1 ? text(begin, end) : `(${text(begin, end)}:${part})`}${after}`;
}

function withControlList(doc, controls) {
  const { controls: _, ...rest } = doc.recipe;
  return { ...doc, recipe: controls.length ? { ...rest, controls } : rest };
}

export function makePrompt(store, events, hues) {
  const area = h('textarea.prompt-text', {
    rows: 1, placeholder: T.prompt.placeholder, 'aria-label': T.prompt.label, spellcheck: 'false', id: 'prompt',
    oninput: () => store.editRecipe({ prompt: area.value }, 'prompt'), onblur: () => store.close(),
  });
  const negative = h('textarea.prompt-text.negative', {
    rows: 1, 'aria-label': T.prompt.negative, placeholder: T.prompt.negative, spellcheck: 'false',
    oninput: () => store.editRecipe({ negative_prompt: negative.value || undefined }, 'negative'), onblur: () => store.close(),
  });
  const chips = h('div.chips', { role: 'group', 'aria-label': T.prompt.tokens, 'aria-describedby': 'chips-help' });
  const used = h('span.used');
  const cut = h('p.cut', { hidden: true });
  const syntax = h('select', { 'aria-label': T.prompt.syntax, onchange: () => store.editRecipe({ syntax: syntax.value === 'plain' ? undefined : syntax.value }) },
    Object.entries(T.prompt.syntaxes).map(([value, text]) => h('option', { value }, text)));
  let words = [];
  let read = ''; // the prompt that the words are of
  let unread = true; // the prompt has changed since the words came
  let abort;
  let dragged = null; // the chip under the pointer that weighs it

  async function tokenize() {
    abort?.abort();
    abort = new AbortController();
    const { prompt = '', syntax: how, model } = store.recipe;
    try {
      const answer = await api.tokenize({ model, prompt, syntax: how ?? 'plain' }, abort.signal);
      if (prompt !== (store.recipe.prompt ?? '')) return;
      words = wordsOf(answer.tokens);
      read = prompt;
      used.textContent = T.prompt.used(answer.tokens.length, answer.limit, answer.chunks ?? 1);
      used.classList.toggle('over', answer.cut?.length > 0);
      cut.hidden = !answer.cut?.length;
      cut.textContent = answer.cut?.length ? T.prompt.cut(answer.cut.map((c) => c.text ?? c).join(' ')) : '';
      unread = false;
      show();
    } catch (error) {
      unread = unread && error.name === 'AbortError';
      if (error.name !== 'AbortError' && error.away) events.tell('away', error);
    }
  }

  function chip(word, i) {
    const controls = store.recipe.controls ?? [];
    const masked = controls.some((c) => isAbout(c, 'mask_tokens', word) && c.enabled !== false);
    const own = controls.find((c) => isAbout(c, 'reweight', word));
    const weight = own && !isCurve(own.scale) ? own.scale : word.weight;
    const element = h(`button.chip${word.read ? '' : '.unread'}`, {
      type: 'button', 'aria-pressed': masked, 'aria-label': T.prompt.chip(word.text, weight, masked), 'data-key': `chip-${i}`,
      onpointerenter: () => events.tell('word', word.text), onpointerleave: () => events.tell('word', null),
      onfocus: () => events.tell('word', word.text), onblur: () => events.tell('word', null),
    }, h('span.chip-text', word.text), weight !== 1 ? h('span.chip-weight', `×${Math.round(weight * 100) / 100}`) : null, voicesOf(word));
    element.style.setProperty('--weight', Math.min(1.5, Math.max(0.55, Math.sqrt(weight))));
    if (word.tokens > 1) element.dataset.tokens = word.tokens;
    drag(element, word, weight);
    return element;
  }

  /** Dots in the colours of the tracks that name the word. */
  function voicesOf(word) {
    const tracks = tracksOf(store.doc);
    const named = tracks.map((t, i) => [t, i]).filter(([t]) => (t.control.phrase ?? '').toLowerCase().split(/\s+/).includes(word.text.toLowerCase()));
    return named.length ? h('span.chip-voices', named.slice(0, 4).map(([, i]) => h('i', { vars: { '--hue': hueVar(hues()[i] ?? 0) } }))) : null;
  }

  function drag(element, word, weight) {
    let from = null;
    let moved = false;
    const origin = { ...word };
    const inText = store.recipe.syntax === 'a1111' && word.begin !== undefined && !(store.recipe.controls ?? []).some((c) => isAbout(c, 'reweight', word));
    let at = weight;
    const to = (value) => {
      const group = `weight ${word.text} ${word.occurrence}`;
      at = value;
      if (!inText) return store.edit(weigh(store.doc, word, value), group);
      word.weight = Math.round(Math.max(0, value) * 100) / 100;
      store.editRecipe({ prompt: weighA1111(read, origin, value) }, group);
      return patch();
    };
    const end = () => {
      dragged = null;
      if (moved) store.close();
      setTimeout(show); // after the click that may follow
    };
    whenMeant(element, {
      act(e) {
        from = e;
        moved = e.pointerType === 'touch'; // a finger's tap is a click, its drag none
        dragged = element;
        return true;
      },
      move(e, acting) {
        const up = from && from.clientY - e.clientY + (from.pointerType === 'touch' ? e.clientX - from.clientX : 0);
        if (!acting || (!moved && Math.abs(up) < 5)) return;
        moved = true;
        to(weight + Math.round(up / 6) / 10);
      },
      end,
    });
    set(element, {
      onclick: () => { if (!moved) store.edit(toggleMask(store.doc, word)); moved = false; },
      onkeydown: (e) => {
        const by = { ArrowUp: 0.1, ArrowDown: -0.1, ArrowRight: 0, ArrowLeft: 0 }[e.key];
        if (by === undefined) return;
        e.preventDefault();
        if (by) to(at + by);
        else (e.key === 'ArrowRight' ? element.nextElementSibling : element.previousElementSibling)?.focus();
      },
    });
  }

  function show() {
    if (dragged && words.length === chips.children.length) return patch();
    fill(chips, words.map(chip));
  }

  /** While a chip is dragged it stays the same element; what it shows follows. */
  function patch() {
    words.slice(0, chips.children.length).forEach((word, i) => {
      const own = (store.recipe.controls ?? []).find((c) => isAbout(c, 'reweight', word));
      const weight = own && !isCurve(own.scale) ? own.scale : word.weight;
      const element = chips.children[i];
      let label = element.querySelector('.chip-weight');
      if (!label && weight !== 1) element.append(label = h('span.chip-weight'));
      if (label) label.textContent = weight === 1 ? '' : `×${Math.round(weight * 100) / 100}`;
      element.style.setProperty('--weight', Math.min(1.5, Math.max(0.55, Math.sqrt(weight))));
      element.setAttribute('aria-label', T.prompt.chip(word.text, weight, element.getAttribute('aria-pressed') === 'true'));
    });
  }

  const soon = debounce(140, tokenize);
  let asked;
  function refresh() {
    const { prompt = '', negative_prompt: away = '', syntax: how = 'plain', model } = store.recipe;
    if (area.value !== prompt) area.value = prompt;
    if (negative.value !== away) negative.value = away;
    syntax.value = how;
    const key = stringify([prompt, how, model]);
    unread ||= key !== asked;
    if (key !== asked) soon();
    else show();
    asked = key;
    const texts = `${prompt}\0${away}`;
    if (texts !== grown) grow(); // it has the page laid out: not at each move of a brush
    grown = texts;
  }
  let grown;
  function grow() {
    for (const text of [area, negative]) {
      text.style.height = 'auto';
      text.style.height = `${text.scrollHeight}px`;
    }
  }
  addEventListener('resize', grow);
  store.on((what) => what.doc && refresh());
  events.on('back', tokenize);
  const element = h('section.card.prompt-card', { 'aria-label': T.prompt.label },
    h('div.prompt-box', area, chips, h('p.visually-hidden', { id: 'chips-help' }, T.prompt.help), cut),
    h('div.prompt-foot', negative, h('div.prompt-meta', used, h('label.inline', h('span', T.prompt.syntax), syntax))));
  return { element, refresh, tokenize, get reading() { return unread; }, focus: () => area.focus() };
}
