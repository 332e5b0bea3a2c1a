// Small form controls that write into the document.
import { h } from './dom.js';
import { parse, stringify } from './json.js';
import { T } from './texts.js';

let next = 0;

/** A number with its label; empty removes the field. Where `onChange` returns a number, that is what it became. */
export function numberField(label, value, onChange, more = {}) {
  const input = h('input', {
    type: 'number', step: 'any', 'data-key': more.key ?? label, placeholder: more.placeholder ?? '', ...more.attributes,
    onchange: () => {
      input.defaultValue = input.value;
      const taken = onChange(input.value === '' ? undefined : Number(input.value));
      if (typeof taken === 'number') input.value = input.defaultValue = taken;
    },
  });
  input.defaultValue = value ?? '';
  return h('label.field', h('span', label), input);
}

/** Whether something is being typed into an element that nothing has been told of yet, or that is told of every letter. */
export const isTyping = (element) => element.matches('input[type=text], textarea, input[type=range]') || (element.matches('input[type=number]') && element.value !== element.defaultValue);

/** Tells a field that is told when it is left of what was typed by now; false where that cannot be taken. */
export function commit(element) {
  if (!element?.matches('input[type=text], input[type=number], textarea') || (element.type === 'number' && !isTyping(element))) return true;
  return element.dispatchEvent(new Event('change', { bubbles: true, cancelable: true }));
}

export function textField(label, value, onInput, more = {}) {
  const input = h('input', {
    type: 'text', 'data-key': more.key ?? label, placeholder: more.placeholder ?? '', spellcheck: 'false', ...more.attributes,
    oninput: () => onInput(input.value), onblur: more.onblur,
  });
  input.value = value ?? '';
  if (!more.list) return h('label.field.wide', h('span', label), input);
  const id = `list-${++next}`;
  input.setAttribute('list', id);
  return h('label.field.wide', h('span', label), input, h('datalist', { id }, more.list.map((name) => h('option', { value: name }))));
}

/** A choice among words; the first is what an absent field means. A value that is none of them is offered, too. */
export function choiceField(label, value, options, onChange, more = {}) {
  const select = h('select', { 'data-key': more.key ?? label, onchange: () => onChange(select.value) },
    options.map((o) => h('option', { value: o.value ?? o }, o.label ?? o)));
  if (value && !options.some((o) => (o.value ?? o) === value)) select.append(h('option', { value }, value));
  select.value = value ?? options[0].value ?? options[0];
  return h('label.field', h('span', label), select);
}

export const checkField = (label, value, onChange, more = {}) =>
  h('label.check', h('input', { type: 'checkbox', checked: value, 'data-key': more.key ?? label, onchange: (e) => onChange(e.target.checked) }), label);

export function slider(label, value, [low, high], onInput, more = {}) {
  const show = h('output', more.format ? more.format(value) : value);
  const input = h('input', {
    type: 'range', min: low, max: high, step: more.step ?? (high - low) / 100, 'data-key': more.key ?? label, 'aria-label': label,
    oninput: () => {
      const number = Number(Number(input.value).toFixed(4));
      show.textContent = more.format ? more.format(number) : number;
      onInput(number);
    },
    onchange: () => more.onDone?.(),
  });
  input.value = value;
  return h('label.field.slider', h('span', label), input, show);
}

/**
 * JSON in a box, applied by a button; what is wrong with it is said. `onApply` returns what is wrong with the value, if anything.
 * `unsaid`, a map, holds what was written and not yet applied: a box of the same value that is drawn anew has it again.
 */
export function jsonField(value, onApply, label, unsaid) {
  const text = stringify(value, null, 1);
  const written = unsaid.get(text);
  const area = h('textarea.code', {
    spellcheck: 'false', rows: Math.min(14, text.split('\n').length), 'aria-label': label, 'data-key': `json-${label}`, 'data-own-undo': true,
    oninput: () => keep(wrong.textContent),
  });
  area.value = written?.text ?? text;
  const wrong = h('p.wrong', { role: 'alert' }, written?.wrong);
  const keep = (said) => {
    if (wrong.textContent !== said) wrong.textContent = said;
    if (area.value === text) unsaid.delete(text);
    else unsaid.set(text, { text: area.value, wrong: said });
  };
  const apply = h('button.quiet', {
    type: 'button', 'data-key': `apply-${label}`, onclick: () => {
      try {
        const said = onApply(parse(area.value));
        keep(said ?? '');
        if (!said) unsaid.delete(text);
      } catch (error) {
        keep(T.tracks.bad + error.message);
      }
    },
  }, T.tracks.apply);
  return h('div.json-field', area, wrong, apply);
}
