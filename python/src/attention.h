#pragma once
// Functions on their way from Python into a request.

#include <memory>

namespace corepulse {
struct Probe;
struct ReplacedAttention;
}  // namespace corepulse

namespace corepulse::python {

struct AttentionReplacement {
  std::shared_ptr<const ReplacedAttention> function;
};

struct PythonProbe {
  std::shared_ptr<const Probe> probe;
};

}  // namespace corepulse::python
