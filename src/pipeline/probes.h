#pragma once
// The probes of a request, as the network knows them.

#include <memory>
#include <vector>

#include "corepulse/probe.h"

#include "attention/probe.h"
#include "control/site.h"
#include "unet/config.h"

namespace corepulse::pipeline {

using ProbeList = std::vector<std::shared_ptr<const Probe>>;

/** What probes are told of a pass. */
struct ProbedPass {
  const unet::Config& unet;
  int latent_height = 0, latent_width = 0;
  int number = 1;
};

/** @param calls of the pass. @throws Error{invalid_request} for one that is empty, that names no layer or block, or
 * that meets no call. */
void check_probes(const ProbeList& probes, const ProbedPass& pass, const std::vector<control::Step>& calls);

/** Those of one pass. */
class Probes : public attention::Probe {
 public:
  /** @param probes that check_probes found right; they must outlive this. */
  Probes(const ProbeList& probes, const ProbedPass& pass);

  bool wants(attention::Point point, int place, const control::Step& step) const override;
  mx::array see(attention::Point point, int place, const control::Step& step, const mx::array& x) override;
  mx::array see_map(int place, const control::Step& step, int row, int reading, const mx::array& map) override;

 private:
  struct Entry {
    const corepulse::Probe* probe;
    attention::Point point;
    std::vector<bool> places;
  };
  bool acts(const Entry& entry, attention::Point point, int place, const control::Step& step) const;
  ProbeView view(const Entry& entry, int place, const control::Step& step) const;

  std::vector<Entry> entries_;
  std::vector<control::Site> sites_, resnets_, blocks_;
  int height_, width_, number_;
};

}  // namespace corepulse::pipeline
