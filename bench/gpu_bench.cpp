// UNet calls of Stable Diffusion 1.5 (512 x 512) and SDXL (1024 x 1024) in float16 on a GPU, two rows, random weights.
//   gpu_bench [--repeat N] [--lora] [part of a name]      --lora: what a LoRA costs, and nothing else
// One line per case in milliseconds, medians, by turns with plain calls: graph is making MLX's graph, encode until the
// host has handed everything to the GPU, wait what remains until the GPU is done. Where wait is near 0 the host is the
// limit.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mlx/memory.h"
#include "mlx/random.h"
#include "mlx/transforms.h"

#include "../tests/support/plain_control.h"
#include "engine/replay.h"
#include "model/config/derive.h"
#include "random_tensors.h"

namespace corepulse {
namespace {

int repeat = 20;
std::string wanted;
bool lora_alone = false;

double now() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

using Call = std::function<mx::array()>;

struct Times {
  double own = 0, plain = 0;  ///< Medians of whole calls, ms.
};

/** Times what `call` builds, by turns with `plain` where there is one: a GPU's clock falls as it works. */
Times report(const std::string& name, const Call& call, const Call& plain = {}) {
  for (int i = 0; i < 3; ++i) {
    if (plain) plain().eval();
    call().eval();
  }
  mx::synchronize();
  mx::reset_peak_memory();
  std::vector<double> graph, encode, wait, whole, beside;
  for (int i = 0; i < repeat; ++i) {
    if (plain) {
      const double start = now();
      plain().eval();
      beside.push_back(now() - start);
    }
    const double start = now();
    auto y = call();
    const double built = now();
    mx::async_eval({y});
    const double encoded = now();
    y.wait();
    const double done = now();
    graph.push_back(built - start), encode.push_back(encoded - built), wait.push_back(done - encoded);
    whole.push_back(done - start);
  }
  const auto [least, most] = std::minmax_element(whole.begin(), whole.end());
  std::printf("%-26s %8.2f ms [%.2f .. %.2f]  graph %6.2f  encode %6.2f  wait %6.2f  peak %5.2f GB", name.c_str(),
              median(whole), *least, *most, median(graph), median(encode), median(wait),
              static_cast<double>(mx::get_peak_memory()) / 1e9);
  const Times times{median(whole), plain ? median(beside) : 0};
  if (plain) std::printf("  %.3f x plain (%.2f ms)", times.own / times.plain, times.plain);
  std::printf("\n");
  std::fflush(stdout);
  return times;
}

mx::array normal(const mx::Shape& shape) {
  auto x = mx::astype(mx::random::normal(shape, mx::float32), mx::float16);
  x.eval();
  return x;
}

/** The conditional row reads text 2 instead of, or with the soft share of every pixel beside, its own. */
test::EditedControl::Edit injection(bool everywhere, bool soft) {
  return [=](control::AttentionPlan& plan, const control::Site& site, const control::Step& step) {
    if (!site.cross || (!everywhere && site.kind != control::BlockKind::middle)) return;
    for (size_t row = 0; row < step.rows.size(); ++row) {
      if (!step.rows[row].conditional()) continue;
      auto other = plan.rows[row][0];
      other.sources[0].id = 2;
      if (!soft) {
        plan.rows[row] = {other};
        continue;
      }
      static const auto half = std::make_shared<const std::vector<float>>(1, 0.5f);
      plan.rows[row][0].share = other.share = half;
      plan.rows[row].push_back(other);
    }
  };
}

/** A number for every pixel, and for every key of a text. */
control::Values constant(size_t count, float value) {
  return std::make_shared<const std::vector<float>>(count, value);
}

/** Rows of role 2 look at themselves alone in the middle block (perturbed-attention guidance). */
void perturb(control::AttentionPlan& plan, const control::Site& site, const control::Step& step) {
  for (size_t row = 0; row < step.rows.size(); ++row)
    plan.rows[row][0].identity = step.rows[row].role == 2 && !site.cross && site.kind == control::BlockKind::middle;
}

/** The prompt's rows are pushed away from text 1 in every cross-attention. */
void normalise(control::AttentionPlan& plan, const control::Site& site, const control::Step& step) {
  static const auto half = constant(1, 0.5f);
  if (!site.cross) return;
  plan.finishes.assign(step.rows.size(), {});
  for (size_t row = 0; row < step.rows.size(); ++row) {
    control::Finish finish{.scale = 2, .limit = 2.5, .share = half};
    finish.against = {{.sources = {{control::Source::Kind::text, 1}}}};
    if (step.rows[row].conditional()) plan.finishes[row] = {finish};
  }
}

/** Image 1 looks at the words, through a map, and at the picture as image 0 does (prompt-to-prompt). */
test::EditedControl::Edit edit_prompt(bool refine) {
  std::vector<float> numbers(77 * 77), kept(77 * 77);
  for (int i = 0; i < 77; ++i) numbers[i * 77 + (i + 76) % 77] = 1, kept[i * 77 + i] = i % 2 ? 1.f : 0.f;
  const auto map = std::make_shared<const std::vector<float>>(numbers);
  const auto own = std::make_shared<const std::vector<float>>(kept);
  return [=](control::AttentionPlan& plan, const control::Site& site, const control::Step& step) {
    const control::Source base{control::Source::Kind::image, 0};
    for (size_t row = 0; row < step.rows.size(); ++row) {
      if (step.rows[row].image == 0 || !step.rows[row].conditional()) continue;
      auto& mine = plan.rows[row][0];
      auto other = mine;
      other.query = base;
      if (site.cross)
        other.values = {{control::Source::Kind::text, 2}}, other.map = map, mine.sources = other.values;
      else
        other.sources = {base}, other.values = {{control::Source::Kind::own, 0}};
      other.added = refine && site.cross;
      if (other.added) mine.map = own;
      plan.rows[row] = other.added ? std::vector{mine, other} : std::vector{other};
    }
  };
}

/** A network of random weights, and what its calls are given. */
class Model {
 public:
  Model(std::string name, const test::LdmUNet& shape, Family family, int size)
      : name_(std::move(name)),
        tensors_(random(shape)),
        config_(model::derive_unet(tensors_, family, "bench")),
        network_(weights({}), config_),
        most_(normal({4, size, size, config_.in_channels})) {
    for (int i = 0; i < 3; ++i) texts_.push_back(normal({1, 77, config_.context_width}));
    step.t = 500;
    step.rows = {{0, false}, {0, true}};
  }
  control::Step step;

  /** Calls of the rows that `step` has now, recorded where calls are. @param of what to call. What they are given must
   * outlive them. */
  Call calls(const control::Control& control, const nn::Branches* beside = nullptr, const unet::UNet* of = nullptr) {
    struct Held {
      control::Step step;
      mx::array x;
      std::optional<unet::AddedConditioning> added;
      engine::Replay replay;
      attention::RunCache cache = {};
    };
    const auto held = std::make_shared<Held>(Held{step, sample(), added_of(), engine::Replay(of ? *of : network_)});
    return [this, held, &control, beside] {
      const attention::Pass pass{control, held->step, texts_, held->cache, {}, beside};
      return held->replay(network_.inputs(held->x, pass, held->added), pass);
    };
  }

  Times time(const std::string& what, const control::Control& control, const Call& plain = {},
             const nn::Branches* beside = nullptr, const unet::UNet* of = nullptr) {
    return report(name_ + " " + what, calls(control, beside, of), plain);
  }

  void kernel_by_kernel() {
    const auto x = sample();
    const auto added = added_of();
    const test::PlainControl none;
    attention::RunCache cache;
    const auto once = [&] { return network_(x, {none, step, texts_, cache}, added); };
    report(name_ + " kernel by kernel", once);
    std::printf("%s: a recording holds %.2f GB\n", name_.c_str(),
                static_cast<double>(kernels::CudaGraph::bytes(once())) / 1e9);
  }

  /** With other numbers in the weights of all linear layers of the blocks, as merging makes them. */
  unet::UNet merged() const {
    nn::Additions additions;
    for (const auto& layer : linear_layers())
      additions.emplace(layer + ".weight", [](const mx::array& original) {
        const auto* const numbers = original.data<float>();
        std::vector<float> part(numbers, numbers + original.size());
        for (auto& x : part) x *= 0.1f;
        return mx::array(part.begin(), original.shape(), mx::float32);
      });
    return {weights(std::move(additions)), config_};
  }

  /** Products of this rank beside the same layers, at every pixel. */
  nn::Branches branches(int rank) const {
    auto layers = std::make_shared<nn::LayerBranches>();
    for (const auto& layer : linear_layers()) {
      const auto& shape = tensors_.at(layer + ".weight").shape;
      const int out = static_cast<int>(shape[0]), in = static_cast<int>(shape[1]);
      const auto numbers = [=] {
        const auto small = mx::array(0.01f);
        auto down = mx::random::normal({rank, in}) * small, up = mx::random::normal({out, rank}) * small;
        mx::eval(down, up);
        return nn::BranchNumbers{down, up, {}};
      };
      layers->emplace(layer, std::make_shared<nn::LayerBranch>(numbers));
    }
    nn::Branches::Change change{0, mx::array({0.5f}), {}, std::move(layers)};
    for (int pixels = most_.shape(1) * most_.shape(2); pixels > 0; pixels /= 4)
      change.share.emplace(pixels, mx::array({0.5f}));
    return nn::Branches({std::move(change)});
  }

 private:
  static io::Tensors random(const test::LdmUNet& shape) {
    double bytes = 0;
    return random_tensors(io::Naming::ldm_unet, test::unet_shapes(shape, ""), bytes);
  }
  nn::Weights weights(nn::Additions additions) const {
    return {tensors_, "unet", mx::float16, {}, false, made_, std::move(additions)};
  }
  mx::array sample() const {
    auto shape = most_.shape();
    shape[0] = static_cast<int>(step.rows.size());
    return mx::slice(most_, {0, 0, 0, 0}, shape);
  }
  std::optional<unet::AddedConditioning> added_of() const {
    if (!config_.addition_input) return {};
    const std::vector<std::vector<float>> sizes(step.rows.size(), {1024, 1024, 0, 0, 1024, 1024});
    return unet::AddedConditioning{normal({static_cast<int>(step.rows.size()), 1280}), sizes};
  }
  std::vector<std::string> linear_layers() const {
    std::vector<std::string> layers;
    for (const auto& [name, view] : tensors_)
      if (view.shape.size() == 2 && name.find("time_embedding") == std::string::npos &&
          name.find("add_embedding") == std::string::npos)
        layers.push_back(name.substr(0, name.rfind('.')));
    return layers;
  }

  std::string name_;
  io::Tensors tensors_;
  unet::Config config_;
  std::shared_ptr<nn::Made> made_ = std::make_shared<nn::Made>();
  unet::UNet network_;
  mx::array most_;
  std::vector<mx::array> texts_;
};

/** All keys and values have the changes that stand beside the weights. */
void beside_everywhere(control::AttentionPlan& plan, const control::Site&, const control::Step&) {
  for (auto& row : plan.rows)
    for (auto& reading : row) reading.beside = {0};
}

/** A LoRA of rank 32 on all linear layers: in the weights, beside them, and in the weights of the prompt's row alone.
 */
void time_lora(Model& model, const Call& plain) {
  const test::PlainControl none;
  const auto merged = model.merged();
  model.time("lora merged", none, plain, nullptr, &merged);
  const auto branches = model.branches(32);
  model.time("lora beside", test::EditedControl(beside_everywhere), plain, &branches);
  const auto both = model.step.rows;
  model.step.rows = {both[0]};
  const auto negative = model.time("lora rows, negative", none, plain);
  model.step.rows = {both[1]};
  const auto prompt = model.time("lora rows, prompt", none, plain, nullptr, &merged);
  const double sum = negative.own + prompt.own;
  std::printf("  both rows %.2f ms, %.3f x plain\n", sum, 2 * sum / (negative.plain + prompt.plain));
  model.step.rows = both;
}

void time_model(const std::string& name, const test::LdmUNet& shape, Family family, int size) {
  if (name.find(wanted) == std::string::npos) return;
  Model model(name, shape, family, size);
  const test::PlainControl none;
  model.kernel_by_kernel();
  model.time("plain", none);
  const auto plain = model.calls(none);
  if (lora_alone) return time_lora(model, plain);
  const auto against = [&](const std::string& what, const test::EditedControl::Edit& edit, const Call& other) {
    model.time(what, test::EditedControl(edit), other);
  };
  against("inject middle", injection(false, false), plain);
  against("inject everywhere", injection(true, false), plain);
  against("half inject everywhere", injection(true, true), plain);
  time_lora(model, plain);
  model.step.rows = {{0, false}, {0, true}, {0, 2}};
  against("guide by identity", perturb, plain);
  model.step.rows = {{0, true}};
  model.time("plain, one row", none);
  against("normalised, one row", normalise, model.calls(none));
  model.step.rows = {{0, false}, {1, false}, {0, true}, {1, true}};
  model.time("plain, two images", none);
  const auto images = model.calls(none);
  against("p2p replace", edit_prompt(false), images);
  against("p2p refine", edit_prompt(true), images);
}

}  // namespace
}  // namespace corepulse

int main(int argc, char** argv) {
  using namespace corepulse;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--repeat" && i + 1 < argc)
      repeat = std::max(1, std::atoi(argv[++i]));
    else if (word == "--lora")
      lora_alone = true;
    else
      wanted = word;
  }
  time_model("sd15", test::sd1_unet(), Family::sd1, 64);
  time_model("sdxl", test::sdxl_unet(), Family::sdxl, 128);
}
