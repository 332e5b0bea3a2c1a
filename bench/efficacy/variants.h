#pragma once
// What is tried: lists of controls with a name, for one pair of prompts.

#include <functional>
#include <string>
#include <vector>

#include "corepulse/control.h"

#include "pairs.h"
#include "readout.h"

namespace corepulse::efficacy {

/** What a control may need to know of the image it acts on. */
struct Spot {
  Box tight, wide;      ///< Around the object of the plain picture of the same seed; one cell more on each side.
  int plain_image = 0;  ///< Index in the batch of that plain picture, where the variant asks for it.
  std::string shown;    ///< The suite's shown picture of the same seed: a PNG file in base64.
};

struct Variant {
  std::string name;
  std::function<std::vector<Control>(const Spot&)> controls;  ///< For one image.
  bool beside_plain = false;  ///< The plain picture is drawn in the same batch, for controls that look at it.
};

/** The same controls in every image. */
Variant variant(std::string name, std::vector<Control> controls);
/** The prompt alone. */
Variant plain();

/** Variants of one prompt, drawn with the same seeds. The first is the plain picture. */
struct Suite {
  std::string name, prompt;
  std::vector<Variant> variants;
  double guidance = 5;
  std::string negative;
  /** Not "": a picture of this prompt is drawn first, with seeds of its own, and shown to the variants. */
  std::string shown = {};
  uint64_t reseed = 0;  ///< Added to the seeds.
};

/** "a cat in a park", from the parts of `side` that are asked for. */
std::string sentence(const Side& side, bool color = false, bool manner = false);

// The suites of a pair. `all`: every combination; else the few that are always reported.

/** Another object in the whole picture. */
Suite inject_suite(const Pair& pair, bool all);
/** Another object inside a box around the first. */
Suite region_suite(const Pair& pair, bool all);
/** Two objects, one of them not read. */
Suite mask_object_suite(const Pair& pair, bool all);
/** A coloured object, the colour not read. */
Suite mask_color_suite(const Pair& pair, bool all);
/** One object left, another right. */
Suite places_suite(const Pair& pair, bool all);
/** Which block decides what: one suite per property, and one in which all differ. */
std::vector<Suite> role_suites(const Pair& pair, bool all);
/** The object's name changed in the prompt, the picture drawn beside the plain one. */
Suite edit_suite(const Pair& pair, bool all);
/** Two objects, one of them named by a negative prompt, without guidance; and with guidance instead, to compare. */
std::vector<Suite> negative_suites(const Pair& pair);
/** Two objects and their places asked for, without guidance and with it, guided by perturbed attention or not. */
std::vector<Suite> guide_suites(const Pair& pair);
/** The edges of a picture of the object in another scene, which a ControlNet follows. */
Suite led_suite(const Pair& pair);
/** A scene without an object, and a picture of the object in another scene, which an IP-Adapter reads. */
Suite picture_suite(const Pair& pair);

}  // namespace corepulse::efficacy
