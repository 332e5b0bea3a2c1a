#pragma once
// What a run lends to attention from outside the network.

#include "attention/function.h"
#include "attention/observer.h"
#include "attention/pictures.h"
#include "attention/probe.h"

namespace corepulse::attention {

/** Each is needed only where plans ask for it. The objects behind them outlive the run. */
struct Instruments {
  Observer* observer = nullptr;  ///< Sees the maps of captures.
  Looks* looks = nullptr;        ///< Hears how much tokens are looked at.
  Recorder* recorder = nullptr;  ///< Keeps what captures of keys ask for.
  Recordings recordings = {};    ///< What recorded runs were given.
  Functions functions = {};      ///< Compute readings in our place.
  Pictures pictures = {};        ///< What adapters make of pictures.
  Probe* probe = nullptr;        ///< Sees whatever it wants.
};

}  // namespace corepulse::attention
