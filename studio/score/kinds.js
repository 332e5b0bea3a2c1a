// What the page knows of each kind of control: whose attention, which number the score shows as shade, which fields it has.
// docs/control.md and docs/recipe.schema.json say what they mean; a kind that is not here is kept and shown as JSON.
import { same } from '../json.js';

const words = ['phrase', 'occurrence', 'tokens'];

/**
 * level: the number that a cell's shade shows; range: of its slider; usual: what it is when absent (undefined: always written).
 * neutral: the level at which it does nothing (0). sides: acts on whole blocks of these sides alone. place(control): where it acts
 * that names no place, if not everywhere. list: of the models' answer, whose names `text` may be; optional: that may be absent, or
 * the text that stands for that. choices: the first is what an absent one means; switches: likewise, the value. only: numbers that
 * belong to a choice.
 */
export const KINDS = {
  __proto__: null, // whatever a recipe calls a kind
  inject: { attention: 'cross', level: 'strength', range: [0, 1], usual: 1, text: 'prompt', numbers: ['gain_k', 'gain_v'] },
  reweight: { attention: 'cross', level: 'scale', range: [0, 4], first: 0.4, text: 'phrase', words, numbers: ['strength'] },
  mask_tokens: { attention: 'cross', level: 'strength', range: [0, 1], usual: 1, text: 'phrase', words, choices: { context: ['keep', 'reencode'] } },
  replace_tokens: {
    attention: 'cross', level: 'strength', range: [0, 1], usual: 1, text: 'phrase', second: 'with', words,
    choices: { context: ['keep', 'replace'] },
  },
  value_gain: { attention: 'cross', level: 'gain', range: [-2, 4], first: 1.5, text: 'phrase', words, numbers: ['strength'] },
  regions: { attention: 'cross', level: 'strength', range: [0, 1], usual: 1, numbers: ['base_share'] },
  attend: { attention: 'self', level: 'scale', range: [0, 4], first: 0, numbers: ['strength'] },
  temperature: { attention: 'self', level: 'value', range: [0.1, 3], first: 0.8, choices: { attention: ['self', 'cross', 'both'] } },
  smooth: { attention: 'self', level: 'strength', range: [0, 1], usual: 1 },
  share: {
    attention: 'self', level: 'strength', range: [0, 1], usual: 1, choices: { how: ['with', 'instead', 'map', 'union'] },
    numbers: ['image', 'gain_k', 'gain_v', 'shift', 'fidelity'], switches: { align: false, align_values: false },
  },
  prompt_to_prompt: { attention: 'cross', level: 'cross', range: [0, 1], usual: [[0, 1], [0.8, 1], [0.8, 0]], text: 'prompt' },
  normalized_guidance: { attention: 'cross', noHeads: true, level: 'scale', range: [0, 8], usual: 2, text: 'prompt', optional: true, numbers: ['limit', 'strength'] },
  guide_by: {
    attention: 'self', noRows: true, level: 'scale', range: [0, 8], first: 3, choices: { perturb: ['identity', 'blur', 'tokens', 'map'] },
    only: { perturb: { blur: ['blur_sigma'], map: ['blur_sigma', 'threshold'] } }, place: ({ perturb }) => (perturb === 'map' ? 'middle:0' : undefined),
  },
  lora: { attention: 'cross', noHeads: true, level: 'strength', range: [-2, 2], usual: 1, list: 'loras', text: 'file', numbers: ['text_strength'] },
  controlnet: {
    sides: ['input', 'middle'], noHeads: true, level: 'strength', range: [0, 2], usual: 1, list: 'controlnets', text: 'file', picture: 'picture',
    choices: { prepare: ['none', 'canny', 'invert', 'blur', 'tile', 'shuffle', 'mask'], fit: ['crop', 'pad', 'stretch'] },
    only: { prepare: { canny: ['low', 'high'], blur: ['amount'], tile: ['amount'], shuffle: ['seed'] } },
  },
  picture_prompt: {
    attention: 'cross', level: 'strength', range: [0, 2], usual: 1, list: 'adapters', text: 'file', pictures: true,
    choices: { how: ['add', 'share'] }, numbers: ['gain_k', 'gain_v'],
  },
  capture: { attention: 'cross', text: 'phrase', words },
  freeu: {
    lane: true, level: 'b1', range: [0, 2], usual: 1, neutral: 1, text: 'where', optional: 'output:0, output:1', numbers: ['b2', 's1', 's2'],
    choices: { version: [2, 1], stages: ['blocks', 'widths'] },
  },
  blend: { lane: true, level: 'strength', range: [0, 1], usual: 1, numbers: ['image'] },
  guidance: { lane: true, level: 'scale', range: [0, 15], first: 7 },
  rescaled_guidance: { lane: true, level: 'strength', range: [0, 1], usual: 0.7 },
  zero_star_guidance: { lane: true, level: 'strength', range: [0, 1], usual: 1, numbers: ['zero_steps'] },
  tangential_guidance: { lane: true, level: 'strength', range: [0, 1], usual: 1 },
  projected_guidance: {
    lane: true, level: 'parallel', range: [0, 1], usual: 0, neutral: 1, choices: { of: ['prediction', 'picture'] }, numbers: ['limit', 'momentum'],
  },
  frequency_guidance: { lane: true, level: 'high', range: [0, 15], first: 8, numbers: ['low'] },
  skimmed_guidance: { lane: true, level: 'scale', range: [0, 15], usual: 7, switches: { full_negative: false, filter: true } },
  thresholded_guidance: { lane: true, level: 'mimic', range: [0, 15], usual: 7, numbers: ['percentile', 'strength'] },
  negative: { lane: true, text: 'prompt' },
  pooled: { lane: true, level: 'strength', range: [0, 1], usual: 1, text: 'prompt' },
  time_ids: { lane: true },
};

/** Kinds offered by the page, in this order. */
export const OFFERED = ['inject', 'reweight', 'mask_tokens', 'replace_tokens', 'value_gain', 'regions', 'attend', 'temperature',
  'smooth', 'share', 'normalized_guidance', 'guide_by', 'lora', 'controlnet', 'picture_prompt', 'guidance', 'negative', 'rescaled_guidance',
  'projected_guidance', 'skimmed_guidance', 'thresholded_guidance', 'frequency_guidance', 'zero_star_guidance', 'tangential_guidance', 'freeu'];

export const kindOf = (control) => KINDS[control.kind] ?? {};

/** The number that the shade shows: the control's, or what it is when absent. */
export function levelOf(control) {
  const { level, usual } = kindOf(control);
  return level ? control[level] ?? usual ?? 1 : 1;
}

/** The control with that number; one that is what it is anyway is not written. */
export function withLevel(control, value) {
  const { level, usual } = kindOf(control);
  if (!level) return control;
  const next = { ...control };
  if (usual !== undefined && same(value, usual)) delete next[level];
  else next[level] = value;
  return next;
}

/** A new control of a kind, with what it cannot do without. */
export function fresh(kind, given = {}) {
  const { level, usual, first } = KINDS[kind];
  const control = { kind, ...given };
  if (kind === 'regions' && !control.prompts) {
    control.prompts = [{ prompt: '', region: { shape: 'rectangle', box: [0, 0, 0.5, 1] } }];
  }
  if (kind === 'guide_by') control.perturb ??= 'identity';
  if (kind === 'attend') control.target ??= { shape: 'rectangle', box: [0.5, 0, 0.5, 1] };
  if (kind === 'share') control.image ??= 0;
  if (kind === 'controlnet') Object.assign(control, { file: control.file ?? '', picture: control.picture ?? '', prepare: control.prepare ?? 'canny' });
  if (kind === 'picture_prompt') control.file ??= '';
  if (kind === 'frequency_guidance') control.low ??= 3;
  if (kind === 'freeu' && control.b1 === undefined) Object.assign(control, { b1: 1.3, b2: 1.4, s1: 0.9, s2: 0.2 });
  if (['inject', 'negative', 'pooled'].includes(kind)) control.prompt ??= '';
  if (kind === 'replace_tokens') control.with ??= '';
  if (level && usual === undefined) control[level] ??= first;
  return control;
}

/** Where between nothing (0) and its most (1) a level is: how dark a cell is painted. */
export function shade(kind, value) {
  const { range = [0, 1], neutral = 0 } = KINDS[kind] ?? {};
  const most = Math.max(...range.map((end) => Math.abs(end - neutral)));
  return Math.max(0, Math.min(1, Math.abs(value - neutral) / most));
}
