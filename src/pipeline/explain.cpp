#include "control/explain.h"

#include "corepulse/pipeline.h"

#include "pipeline/prepare.h"

namespace corepulse {

Explanation explain(const Recipe& recipe) {
  const pipeline::Outline outline(model_source(recipe));
  const auto prepared = pipeline::prepare(recipe, outline);
  const auto& program = prepared.control.programs().front().second;
  return {control::explain_text(program), control::explain_json(program)};
}

}  // namespace corepulse
