#include "scene.h"

#include <algorithm>
#include <cctype>

#include "control/support.h"

namespace corepulse::test {
namespace {

control::Site site(bool cross, int heads) {
  control::Site s;
  s.index = cross, s.kind = control::BlockKind::middle, s.cross = cross, s.heads = heads, s.level = 1;
  s.path = std::string("mid_block.attentions.0.transformer_blocks.0.attn") + (cross ? "2" : "1");
  return s;
}

control::ProgramInputs inputs_of(const SceneOptions& options) {
  auto inputs = control::test::run_of({site(false, options.heads), site(true, options.heads)}, "a red cat in a park",
                                      options.latent_width * 8, options.latent_height * 8);
  inputs.negative_prompt = "the park";
  inputs.calls = control::test::schedule(3);
  inputs.batch = options.batch;
  inputs.guidance = options.guided ? 5 : 1;
  return inputs;
}

}  // namespace

Scene::Scene(const SceneOptions& options)
    : inputs(inputs_of(options)),
      step(control::test::with_rows(inputs.calls[1], options.batch, options.guided)),
      self(inputs.sites[0], LayerWeights(options.channels, options.channels, options.seed)),
      cross(inputs.sites[1], LayerWeights(options.channels, kContextWidth, options.seed + 1)) {
  std::mt19937 random(options.seed + 2);
  for (size_t r = 0; r < step.rows.size(); ++r)
    x.push_back(random_matrix(kHeight * kWidth, options.channels, 1, random));
}

std::vector<Matrix> Scene::run(const std::vector<corepulse::Control>& controls, bool is_cross) const {
  const auto program = control::Program::resolve(controls, inputs);
  std::vector<mx::array> texts;
  for (const auto& context : contexts(program.texts())) texts.push_back(to_array({context}));
  attention::RunCache cache;
  const auto pictures = [&](const control::Source& source, const control::Site&) {
    const auto seen = picture_tokens(source.kind == control::Source::Kind::picture);
    return attention::KeyValue{to_array({layer(is_cross).keys(seen)}), to_array({layer(is_cross).values(seen)})};
  };
  return layer(is_cross).fused(x, {program, step, texts, cache, {.pictures = pictures}});
}

Matrix Scene::picture_tokens(bool there_is_one) {
  return context(there_is_one ? "what an adapter makes of a picture" : "what an adapter makes of none");
}

Matrix Scene::context(std::string prompt) {
  std::transform(prompt.begin(), prompt.end(), prompt.begin(), [](unsigned char c) { return std::tolower(c); });
  std::seed_seq seed(prompt.begin(), prompt.end());
  std::mt19937 random(seed);
  return random_matrix(77, kContextWidth, 1, random);
}

std::vector<Matrix> Scene::contexts(const std::vector<control::ContextSpec>& specs) {
  std::vector<Matrix> all;
  for (const auto& spec : specs) {
    all.push_back(context(spec.prompt));
    for (size_t p = 0; p < spec.picks.size(); ++p)
      for (int c = 0; c < kContextWidth; ++c)
        all.back()(static_cast<int>(p), c) = all[spec.picks[p].text](spec.picks[p].position, c);
  }
  return all;
}

const Matrix& Scene::picture(const control::Row& row) const {
  for (const auto& wanted : {row, control::Row{row.image, control::kPrompt}})
    for (size_t r = 0; r < x.size(); ++r)
      if (step.rows[r] == wanted) return x[r];
  throw std::out_of_range("no such image");
}

Scene Scene::with_further_rows(const control::Program& program) const {
  auto scene = *this;
  std::mt19937 random(7);
  for (const auto& further : program.step(step).further)
    for (const int image : further.images) {
      scene.step.rows.push_back({image, further.role});
      scene.x.push_back(random_matrix(kHeight * kWidth, x[0].columns, 1, random));
    }
  return scene;
}

}  // namespace corepulse::test
