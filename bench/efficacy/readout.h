#pragma once
// From the judge's answer to facts: which object, where, in which colour; how much of a background stayed.

#include "corepulse/region.h"

#include "judge.h"

namespace corepulse::efficacy {

/** Fewer cells of an object are taken for a slip of the judge (an object of usual size fills about 40). */
constexpr int kLeastCells = 5;

/** Cells of one class, in columns [from, to). */
int cells_of(const Answer& answer, int object, int from = 0, int to = kCells);

/** The object that most cells show, in columns [from, to); -1 if none shows on kLeastCells. */
int main_object(const Answer& answer, int from = 0, int to = kCells);

/** The colour of most cells of the main object; -1 without one. */
int main_tint(const Answer& answer);

/** A box of cells; empty: no object. */
struct Box {
  int left = 0, top = 0, right = 0, bottom = 0;  ///< [left, right) x [top, bottom)
  bool empty() const { return right <= left || bottom <= top; }
  int cells() const { return empty() ? 0 : (right - left) * (bottom - top); }
  Region region() const;
};

/** Around all cells that show an object, and `margin` more on each side. */
Box object_box(const Answer& answer, int margin);

/** Cells that do not belong to the background. */
using Mask = std::array<bool, kCells * kCells>;
Mask mask_of(const Box& box);
/** Cells that show an object in either picture, and their neighbours. */
Mask mask_of(const Answer& a, const Answer& b);

/** Of the cells that show an object in either picture, the share that does in both; 1 of none. */
double overlap(const Answer& a, const Answer& b);

/**
 * Structural similarity of two pictures outside a mask: the mean over the pixels there of SSIM in grey, windows of 7x7,
 * constants 0.01 and 0.03 (scikit-image's defaults). -1..1; 1: the same. Windows that reach into the mask are left out.
 */
double similarity_outside(const Image& a, const Image& b, const Mask& mask);

}  // namespace corepulse::efficacy
