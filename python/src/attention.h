#pragma once
// An attention function on its way from Python into a request.

#include <memory>

namespace corepulse {
struct ReplacedAttention;
}

namespace corepulse::python {

struct AttentionReplacement {
  std::shared_ptr<const ReplacedAttention> function;
};

}  // namespace corepulse::python
