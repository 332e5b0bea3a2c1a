// Pictures that lead and pictures that are read: what is tried, and its tables.

#include <fmt/format.h>
#include <limits>

#include "questions.h"
#include "report.h"
#include "variants.h"

namespace corepulse::efficacy {

namespace {

constexpr const char* kEdges = EFFICACY_ROOT "/models/controlnets/edges.safetensors";
constexpr const char* kObjects = EFFICACY_ROOT "/models/picture_prompts/objects.safetensors";
constexpr double kFromTheStart = std::numeric_limits<double>::infinity();

Variant shown_to(std::string name, const Control& control) {
  return {std::move(name), [control](const Spot& spot) {
            auto here = control;
            if (auto* net = std::get_if<ControlNet>(&here.effect)) net->data = spot.shown;
            if (auto* prompt = std::get_if<PicturePrompt>(&here.effect)) prompt->data = {spot.shown};
            return std::vector<Control>{here};
          }};
}

Control edges(double strength) {
  return {.effect = ControlNet{
              .file = kEdges, .strength = strength, .prepare = ControlNet::Prepare::canny, .low = 60, .high = 120}};
}

Control reads(double strength) {
  return picture_prompt(kObjects, {}, strength);
}

std::string pairs_text(const Query& query) {
  return fmt::format("{} held-out pairs. ", query.pairs());
}

std::string led_table(const Facts& facts) {
  const Query query(facts, "led", true);
  return pairs_text(query) +
         "*Same place*: of all cells that show an object in the picture\n"
         "or the one that leads, how many do so in both.\n\n" +
         rows_table("| how | object as asked | scene as asked | same place |", query, [&](const std::string& v) {
           return fmt::format("{} | {} | {:.2f}", percent(query.rate(v, shows_from)),
                              percent(query.rate(v, keeps_scene)), query.mean(v, &Fact::overlap));
         });
}

std::string picture_table(const Facts& facts) {
  const Query query(facts, "picture", true);
  return pairs_text(query) +
         "*Asked plainly*: B by its name, without a picture.\n"
         "*Same place*: as above, beside the picture that is read, whose places nobody asked for.\n\n" +
         rows_table("| how | object taken | scene kept | same place |", query, [&](const std::string& v) {
           return fmt::format("{} | {} | {:.2f}", percent(query.rate(v, shows_to)), percent(query.rate(v, keeps_scene)),
                              query.mean(v, &Fact::overlap));
         });
}

}  // namespace

Suite led_suite(const Pair& pair) {
  return {.name = "led",
          .prompt = sentence(pair.from),
          .variants = {plain(), shown_to("edges", edges(1)), shown_to("edges; strength 0.5", edges(0.5)),
                       shown_to("edges; sigma > 3", edges(1).sigma(kFromTheStart, 3))},
          .negative = "",
          .shown = pair.from.name + " " + pair.to.place};
}

Suite picture_suite(const Pair& pair) {
  return {.name = "picture",
          .prompt = pair.from.place,
          .variants = {plain(), variant("asked plainly", {inject(pair.to.name + " " + pair.from.place)}),
                       shown_to("picture", reads(1)), shown_to("picture; strength 0.6", reads(0.6)),
                       shown_to("picture; middle:0", reads(1).at("content"))},
          .negative = "",
          .shown = sentence(pair.to)};
}

std::string pictures_text(const Facts& facts) {
  std::string text;
  if (Query(facts, "led", true).pairs() > 0)
    text +=
        "## A picture that leads\n\"An A in a park\", led by the edges of a picture of A on the beach, drawn with "
        "another seed ([guides](guides.md)).\n![Led by another picture's edges](efficacy/led.webp)\n\n" +
        led_table(facts);
  if (Query(facts, "picture", true).pairs() > 0)
    text +=
        "## The object of a picture\n\"In a park\", and a picture of B on the beach, which the IP-Adapter "
        "[objects](../models/picture_prompts) reads.\n![The object of another picture](efficacy/picture.webp)\n\n" +
        picture_table(facts);
  return text;
}

}  // namespace corepulse::efficacy
