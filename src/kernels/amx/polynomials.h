#pragma once
// Minimax fits that both kinds of vector code compute with.

namespace corepulse::kernels {

/** Phi(-a) = e^(-a^2/2) R(a): numerator and denominator of R, a rational minimax fit on [0, 13.5], error 5e-9. */
constexpr float kTailOver[] = {0.5f, 0.436146796f, 0.181646228f, 0.0400981978f, 0.0040370184f};
constexpr float kTailUnder[] = {1.0f, 1.67017853f, 1.19589782f, 0.465276301f, 0.10051848f, 0.0101191662f};

/** 2^f on [-1/2, 1/2], error 2e-9. */
constexpr float kExp2[] = {1.0f,           0.693147182f,   0.240226477f,  0.0555033237f,
                           0.00961843692f, 0.00133988739f, 0.00015353362f};

}  // namespace corepulse::kernels
