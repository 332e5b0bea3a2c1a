#pragma once
// What a request starts from in place of its seeds' noise.

#include "corepulse/request.h"

#include "pipeline/init/latents.h"
#include "pipeline/prepare/resolve.h"

namespace corepulse::pipeline {

/** @throws Error{invalid_request} for latents of another number or size, without finite numbers, or beside an `init`
 * that leaves no room for them. */
void check_latents(const Request& request, const Resolved& resolved);

/** Puts the request's latents, if it has any, where the first pass starts. */
void start_from_given(const Request& request, const Resolved& resolved, StartFrom& from);

}  // namespace corepulse::pipeline
