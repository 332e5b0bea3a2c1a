// Mode corepulse computes what the published CorePulse computes, mode comfy what ComfyUI's prompt injection node does:
// on single layers, against tests/golden/make_corepulse_goldens.py.
#include <doctest/doctest.h>

#include "corepulse/corepulse_adapter.h"

#include "control/support.h"
#include "layer.h"
#include "support/golden.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

using Controls = std::vector<corepulse::Control>;

const Region kLeft = rectangle(0, 0, 0.5, 1), kTop = rectangle(0, 0, 1, 1.0 / 3);
const Region kSoft = linear_gradient({0, 0}, {1, 0});

class Legacy {
 public:
  Legacy() {
    inputs_ = control::test::run_of({site(false), site(true)}, "a red cat in a park", 12 * 8, 12 * 8);
    inputs_.negative_prompt = "the park";
    step_ = control::test::with_rows(inputs_.calls[0]);
  }
  std::vector<Matrix> golden(const std::string& name) const { return to_matrices(file_.array(name)); }

  /** The layer's two rows, unconditional first. */
  std::vector<Matrix> run(const Controls& controls, bool cross, int dragon_tokens = 77) const {
    const auto program = control::Program::resolve(controls, inputs_);
    std::vector<mx::array> texts;
    for (const auto& spec : program.texts()) texts.push_back(context(spec.prompt, dragon_tokens));
    attention::RunCache cache;
    return layer(cross).fused(golden("x"), {program, step_, texts, cache});
  }
  /** Equal within 1e-4, and not by leaving everything as it was. */
  void check(const std::string& name, const Controls& controls, bool cross, int dragon_tokens = 77) {
    CAPTURE(name);
    const auto wanted = golden("out/" + name);
    const double error = relative_error(run(controls, cross, dragon_tokens), wanted);
    CHECK(error <= 1e-4);
    CHECK(relative_error(run({}, cross), wanted) > 0.01);
    largest_ = std::max(largest_, error);
  }
  double largest() const { return largest_; }

 private:
  static control::Site site(bool cross) {
    control::Site s;
    s.index = cross, s.kind = control::BlockKind::middle, s.cross = cross, s.heads = 3, s.level = 1;
    s.path = cross ? "attn2" : "attn1";
    return s;
  }
  Matrix matrix(const std::string& name) const {
    const auto a = file_.array(name);
    return to_matrices(mx::reshape(a, {1, a.ndim() == 1 ? 1 : a.shape(0), -1}))[0];
  }
  Layer layer(bool cross) const {
    const std::string w = cross ? "weights/cross/" : "weights/self/";
    return {inputs_.sites[cross],
            LayerWeights(matrix(w + "to_q.weight"), matrix(w + "to_k.weight"), matrix(w + "to_v.weight"),
                         matrix(w + "to_out.0.weight"), matrix(w + "to_out.0.bias"))};
  }
  mx::array context(const std::string& prompt, int dragon_tokens) const {
    if (prompt != "a dragon") return file_.array(prompt == inputs_.prompt ? "context/prompt" : "context/negative");
    auto dragon = golden("context/dragon");  // beyond its tokens the node pads with zeros
    std::fill(dragon[0].values.begin() + dragon_tokens * dragon[0].columns, dragon[0].values.end(), 0);
    return to_array(dragon);
  }
  Golden file_{"corepulse"};
  control::ProgramInputs inputs_;
  control::Step step_;
  double largest_ = 0;
};

Controls injected(double weight, std::optional<Region> mask = {}) {
  return UNetPatcher().add_injection("middle:0", "a dragon", weight, 15, 0, std::move(mask)).controls();
}
Controls between(const std::string& kind, double scale, std::optional<Region> source = {},
                 std::optional<Region> target = {}) {
  UNetPatcher patcher;
  patcher.add_self_attention_manipulation("middle:0", std::move(source), std::move(target), scale, kind, 15, 0);
  return patcher.controls();
}
Controls tokens(const std::string& phrase, double scale) {
  return UNetPatcher().add_attention_manipulation("middle:0", phrase, scale, 15, 0).controls();
}
Controls operator+(Controls a, const Controls& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

TEST_CASE_FIXTURE(Legacy, "without controls both are the plain layer") {
  CHECK(relative_error(run({}, true), golden("out/plain")) <= 1e-5);
}

TEST_CASE_FIXTURE(Legacy, "CorePulse's injection: the weighted prompt in the conditional row, masks after to_out") {
  check("inject", injected(2), true);
  check("inject_negative", injected(-0.5), true);
  check("inject_nothing", injected(0), true);
  check("inject_masked", injected(2, kSoft), true);
  MESSAGE("largest relative error ", largest());
}

TEST_CASE_FIXTURE(Legacy,
                  "CorePulse's attention maps: logits of the prompt's tokens in both rows, one after the other") {
  check("tokens_up", tokens("cat", 3), true);
  check("tokens_down", tokens("cat", 0.1), true);
  check("tokens_twice", tokens("cat", 3) + tokens("a", -2), true);
  check("inject_and_tokens", injected(1.5) + tokens("cat", 4), true);
  check("inject_masked_and_tokens", injected(2, kLeft) + tokens("cat", 4), true);
  MESSAGE("largest relative error ", largest());
}

TEST_CASE_FIXTURE(Legacy, "CorePulse's self-attention: logits between hard regions, in both rows") {
  check("enhance", between("enhance", 2.5, kLeft, kTop), false);
  check("suppress", between("suppress", 0.3, kLeft, kTop), false);
  check("enhance_soft", between("enhance", 2.5, kSoft, kLeft), false);
  check("redirect", between("redirect", 3, kTop, kLeft), false);
  check("enhance_all", between("enhance", 1.8), false);
  check("smooth", between("smooth", 0.4), false);
  check("enhance_then_smooth", between("enhance", 2.5, kLeft, kTop) + between("smooth", 0.4), false);
  MESSAGE("largest relative error ", largest());
}

TEST_CASE_FIXTURE(Legacy, "ComfyUI's node: both rows' contexts times the weight, a shorter one padded with zeros") {
  const Controls node{inject("a dragon").gains(1.3, 1.3).percent(0, 1).as(Mode::comfy)};
  check("comfy", node, true);
  check("comfy_short", node, true, 20);
  MESSAGE("largest relative error ", largest());
}
