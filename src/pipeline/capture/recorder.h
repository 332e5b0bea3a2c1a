#pragma once
// The recordings of a run: what its self-attention layers were given, what its resnets added.

#include "attention/observer.h"
#include "control/program/timeline.h"
#include "pipeline/capture/recorded_run.h"
#include "unet/config.h"

namespace corepulse::pipeline {

/** Of a run on a model: what sizes depend on. */
struct RecordedShape {
  const unet::Config& unet;
  int latent_height = 0, latent_width = 0;
  /** Numbers of one row at one layer. */
  size_t numbers(const control::Site& site) const;
};

/** Numbers in all recordings that the control asks for. */
size_t recorded_numbers(const control::Timeline& control, const RecordedShape& shape);
size_t recorded_numbers(const control::Program& program, const RecordedShape& shape);

class Recorder : public attention::Recorder {
 public:
  /** @param model its fingerprint. The references must outlive this. */
  Recorder(const control::Timeline& control, const RecordedShape& shape, std::string model);

  /** Recordings of a program that was added to the control since. */
  void enter(const control::Program& program);
  void record(int capture, const control::Step& step, const control::Row& row, const control::Site& site,
              const mx::array& x) override;
  /** In order of the controls. After this nothing can be recorded. */
  std::vector<Recording> recordings();

 private:
  struct Entry {
    std::string name;
    Capture::What what = Capture::What::keys;
    int nth = 0;              ///< Among those of this name.
    std::vector<bool> sites;  ///< Of features resnets.
    Rows rows = Rows::both;
    int image = 0;
    std::vector<int> layer_of;  ///< By site.
    std::shared_ptr<RecordedRun> run;
    /** After an edit a capture that asks for the same goes on. */
    bool continues(const Entry& o) const {
      return name == o.name && what == o.what && nth == o.nth && sites == o.sites && rows == o.rows && image == o.image;
    }
  };

  Entry entry_of(const control::CaptureSpec& spec, int nth, const control::Program& program) const;

  const control::Timeline& control_;
  RecordedShape shape_;
  std::string model_;
  std::vector<Entry> entries_;
  std::map<const control::CaptureSpec*, size_t> places_;
};

}  // namespace corepulse::pipeline
