#pragma once
// What this machine can do at most, measured: the yardstick for kernels.

namespace corepulse::bench {

/** float32 multiply-adds from registers alone on `threads` threads, as wide as the processor has them, in GFLOP/s;
 * 0 where this is not written for the processor. */
double peak_gflops(int threads);

/** Copying arrays far larger than any cache, bytes read and written, in GB/s. */
double copy_rate(int threads);

}  // namespace corepulse::bench
