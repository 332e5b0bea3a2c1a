// The forms of the fields that the page itself reads in a recipe. One that has others would break the page, and is not taken into
// the document; whether a recipe can be drawn is the server's to say.
import { KINDS } from './score/kinds.js';

const isObject = (v) => typeof v === 'object' && v !== null && !Array.isArray(v);
const isText = (v) => typeof v === 'string';
const isNumber = (v) => typeof v === 'number';
const areNumbers = (v, least) => Array.isArray(v) && v.length >= least && v.every(isNumber);
const isPair = (v) => areNumbers(v, 2);
const isCurve = (v) => isNumber(v) || (Array.isArray(v) ? v.length > 0 && v.every(isPair) : isObject(v) && areNumbers(v.ramp, 2));
const isWindow = (v) => isText(v) || isObject(v);

/** How many numbers a shape's fields have at least. */
const SHAPES = {
  rectangle: { box: 4 }, circle: { center: 2 }, ellipse: { center: 2, radii: 2 }, linear: { from: 2, to: 2 }, radial: { center: 2 },
};

function isRegion(v) {
  if (!isObject(v) || !isText(v.shape)) return false;
  if (['add', 'subtract', 'multiply'].includes(v.shape)) return Array.isArray(v.parts) && v.parts.length > 0 && v.parts.every(isRegion);
  if (v.shape === 'polygon') return Array.isArray(v.points) && v.points.every(isPair);
  if ([v.data, v.file].some((t) => t !== undefined && !isText(t)) || (v.values !== undefined && !isPair(v.values))) return false;
  if ([v.radius, v.feather, v.blur].some((n) => n !== undefined && !isNumber(n))) return false;
  return Object.entries(SHAPES[v.shape] ?? {}).every(([field, least]) => areNumbers(v[field], least));
}

const areTexts = (v) => Array.isArray(v) && v.every(isText);
const isPart = (v) => isObject(v) && (v.region === undefined || isRegion(v.region));
const ANY_CONTROL = { where: isText, when: isWindow, phrase: isText, region: isRegion };
const KNOWN_CONTROL = { prompt: isText, tokens: isText, file: isText, picture: isText, data: isText, target: isRegion, heads: Array.isArray, images: Array.isArray };
const INIT = { file: isText, mask: isRegion, strength: isNumber };
/** No recipe has more; the page would stand still over so many columns. */
export const MOST_STEPS = 1000;
const isSteps = (v) => Number.isInteger(v) && v >= 1 && v <= MOST_STEPS;
const RECIPE = {
  model: isText, prompt: isText, negative_prompt: isText, syntax: isText, seeds: Array.isArray, controls: Array.isArray, edits: Array.isArray,
  init: isObject, steps: isSteps, width: isNumber, height: isNumber, guidance: isNumber,
};

const wrongField = (object, tests) => Object.keys(tests).find((field) => object[field] !== undefined && !tests[field](object[field]));

function wrongInControl(control) {
  if (!isObject(control)) return '';
  if (!isText(control.kind)) return '.kind';
  const { level } = KINDS[control.kind] ?? {};
  const known = KINDS[control.kind] ? KNOWN_CONTROL : {};
  const more = { regions: { prompts: (v) => Array.isArray(v) && v.every(isPart) }, picture_prompt: { pictures: areTexts, data: areTexts } }[control.kind] ?? {};
  const field = wrongField(control, { ...ANY_CONTROL, ...known, ...more, ...(level ? { [level]: isCurve } : {}) });
  return field && `.${field}`;
}

function wrongInList(controls, name) {
  for (const [i, control] of controls.entries()) {
    const wrong = wrongInControl(control);
    if (wrong !== undefined) return `${name}[${i}]${wrong}`;
  }
  return undefined;
}

function wrongInEdit(edit, name) {
  if (!isObject(edit)) return name;
  if (edit.controls !== undefined && !Array.isArray(edit.controls)) return `${name}.controls`;
  return wrongInList(edit.controls ?? [], `${name}.controls`);
}

/** The first field that has not the form the page needs, as "controls[0].where"; "" for the whole; null if there is none. */
export function wrongIn(recipe) {
  if (!isObject(recipe)) return '';
  const field = wrongField(recipe, RECIPE);
  if (field) return field;
  const inside = recipe.init && wrongField(recipe.init, INIT);
  if (inside) return `init.${inside}`;
  const wrong = wrongInList(recipe.controls ?? [], 'controls');
  if (wrong !== undefined) return wrong;
  return (recipe.edits ?? []).map((edit, i) => wrongInEdit(edit, `edits[${i}]`)).find((found) => found !== undefined) ?? null;
}
