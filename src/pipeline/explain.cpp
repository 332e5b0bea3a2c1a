#include "control/explain.h"

#include "corepulse/pipeline.h"

#include "pipeline/prepare.h"

namespace corepulse {

Explanation explain(const Recipe& recipe) {
  const pipeline::Outline outline(model_source(recipe));
  const auto program = pipeline::prepare(recipe, outline).program;
  return {control::explain_text(program), control::explain_json(program)};
}

}  // namespace corepulse
