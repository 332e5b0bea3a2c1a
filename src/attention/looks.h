#pragma once
// How much the tokens of a layer are looked at.

#include "attention/keys.h"
#include "attention/pass.h"

namespace corepulse::attention {

/** Tells it of every row of that role: by the row's own queries and keys, whatever controls make of them. */
void tell_looks(const control::Site& site, const mx::array& q, control::Role role, CallKeys& keys, const Pass& pass);

}  // namespace corepulse::attention
