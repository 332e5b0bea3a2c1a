#pragma once
// How long an idle OpenMP thread keeps a core.

namespace corepulse::kernels {

/**
 * Makes OpenMP's threads sleep soon after a loop (once per process, when first called). GNU's keep spinning for some
 * milliseconds, unless there are more of them than cores: on a machine with other work that is a core lost to those who
 * are waited for, and small kernels take fifty times as long. OMP_WAIT_POLICY and GOMP_SPINCOUNT, where set, decide.
 */
void keep_waits_short();

}  // namespace corepulse::kernels
