#include "engine/ranks.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fmt/format.h>
#include <future>
#include <memory>
#include <string_view>
#include <thread>

#include "mlx/distributed/ops.h"
#include "mlx/transforms.h"

#include "base/fail.h"
#include "io/json.h"
#include "io/utf8.h"
#include "kernels/stop.h"

namespace corepulse::engine {
namespace {

constexpr const char* kWhere = "split_guidance";
/** Of waiting for the others: they compute as much as this process, or read the same weights. */
constexpr auto kPatience = std::chrono::minutes(10);
/** Of a run that was asked to stop: if the others come meanwhile, they hear of it in order. */
constexpr auto kGrace = std::chrono::seconds(10);
constexpr size_t kRecord = 2048;
constexpr char kSaid = 's', kFailed = 'f';

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/** MLX takes it as it is. */
void check_number(const char* name, int least) {
  const auto text = variable(name);
  int number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > 1023)
    fail(ErrorCode::invalid_request, kWhere,
         fmt::format("{}={}; expected a number from {} to 1023", name, io::printable(text), least));
}

void check_host_file(const std::string& file) {
  const auto hosts = io::read_json(file);
  const auto has_addresses = [](const io::Json& host) {
    return host.is_array() && !host.empty() &&
           std::all_of(host.begin(), host.end(), [](const io::Json& address) { return address.is_string(); });
  };
  if (!hosts.is_array() || hosts.size() < 2 || !std::all_of(hosts.begin(), hosts.end(), has_addresses))
    fail(ErrorCode::invalid_request, kWhere,
         fmt::format("MLX_HOSTFILE {}; expected a list of two processes or more, each a list of \"address:port\"",
                     io::printable(file)));
}

/** The one whose variables are set. */
std::string backend() {
  using mx::distributed::is_available;
  const bool ranked = !variable("MLX_RANK").empty();
  if (ranked && !variable("NCCL_HOST_IP").empty() && is_available("nccl")) {
    check_number("MLX_RANK", 0), check_number("MLX_WORLD_SIZE", 2);
    if (mx::device_count(mx::Device::gpu) != 1)
      fail(ErrorCode::invalid_request, kWhere,
           "this process sees several GPUs; expected one for each: CUDA_VISIBLE_DEVICES");
    return "nccl";
  }
  if (ranked && !variable("MLX_HOSTFILE").empty() && is_available("ring")) {
    check_number("MLX_RANK", 0), check_host_file(variable("MLX_HOSTFILE"));
    return "ring";
  }
  if (!variable("OMPI_COMM_WORLD_SIZE").empty() && is_available("mpi")) {
    check_number("OMPI_COMM_WORLD_SIZE", 2);
    return "mpi";
  }
  fail(ErrorCode::invalid_request, kWhere,
       "nothing says which processes belong together; expected MLX_RANK with MLX_HOSTFILE (ring), or with "
       "MLX_WORLD_SIZE, NCCL_HOST_IP and NCCL_PORT (nccl, where MLX has it), or Open MPI's mpirun");
}

/** MLX's ring writes to sockets whose other end may be gone: that shall be an error, and not the end of the process. */
void outlive_closed_sockets() {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  if (before != SIG_DFL && before != SIG_ERR) std::signal(SIGPIPE, before);
}

/** MLX waits without an end for a process that never comes: on a thread of its own, which is left behind then. */
mx::distributed::Group found(const std::string& backend) {
  const auto promise = std::make_shared<std::promise<mx::distributed::Group>>();
  auto group = promise->get_future();
  std::thread([promise, backend] {
    try {
      promise->set_value(mx::distributed::init(/*strict=*/true, backend));
    } catch (...) {
      promise->set_exception(std::current_exception());
    }
  }).detach();
  if (group.wait_for(kPatience) != std::future_status::ready)
    fail(ErrorCode::io, kWhere, "the other processes did not come; expected all of them to be started");
  try {
    return group.get();
  } catch (const std::exception& error) {
    fail(ErrorCode::io, kWhere,
         fmt::format("the other processes were not found by {}: {}; expected all of them to be started, with the same "
                     "addresses",
                     backend, io::printable(error.what(), 200)));
  }
}

/** An error as its record: the code, a line end, what it says. */
std::string told(const std::exception_ptr& why) {
  ErrorCode code = ErrorCode::internal;
  std::string text;
  try {
    std::rethrow_exception(why);
  } catch (const Error& error) {
    code = error.code(), text = error.what();
  } catch (const std::exception& error) {
    text = error.what();
  } catch (...) {
    code = ErrorCode::cancelled, text = "a function of its application threw";
  }
  return fmt::format("{}\n{}", name(code), io::printable(text, kRecord / 2));
}

[[noreturn]] void fail_as_told(size_t rank, const std::string& record) {
  const auto line = std::min(record.find('\n'), record.size());
  const auto text = line < record.size() ? record.substr(line + 1) : "";
  auto code = ErrorCode::internal;
  for (int i = 0; i <= static_cast<int>(ErrorCode::internal); ++i)
    if (record.substr(0, line) == name(static_cast<ErrorCode>(i))) code = static_cast<ErrorCode>(i);
  fail(code, kWhere, fmt::format("process {} ended the run: {}", rank, io::printable(text, kRecord)));
}

}  // namespace

Ranks& Ranks::join() {
  // Not destroyed at the process's end: MLX would join threads that may wait for a process that is gone. MPI wants an
  // end, for which all processes wait: where something failed, mpirun ends them instead.
  static Ranks* joined = nullptr;
  if (!joined) joined = new Ranks(backend());
  static const struct Leaving {
    ~Leaving() {
      if (joined->backend_ == "mpi" && joined->well_) delete joined;
    }
  } leaving;
  return *joined;
}

Ranks::Ranks(const std::string& backend)
    : backend_(backend),
      group_(found(backend)),
      stream_(mx::new_stream(backend == "nccl" ? mx::Device::gpu : mx::Device::cpu)),
      rank_(group_.rank()),
      size_(group_.size()) {
  outlive_closed_sockets();
  if (size_ < 2)
    fail(ErrorCode::invalid_request, kWhere,
         fmt::format("{} found this process alone; expected two or more, one for each GPU", backend));
}

bool Ranks::came(const mx::array& all) const {
  using Clock = std::chrono::steady_clock;
  auto end = Clock::now() + kPatience;
  bool stopped = false;
  for (; !all.is_available() && Clock::now() < end; std::this_thread::sleep_for(std::chrono::microseconds(20)))
    if (!stopped && stop_ && *stop_) stopped = true, end = std::min(end, Clock::now() + kGrace);
  if (all.is_available()) return true;
  if (!stopped) throw std::runtime_error("no answer for ten minutes");
  return false;
}

mx::array Ranks::exchanged(const mx::array& x) {
  std::string why = "it was lost before";
  if (!lost_) try {
      auto all = mx::distributed::all_gather(x, group_, stream_);
      mx::async_eval({all});
      if (!came(all)) {
        lost_ = true;
        fail(ErrorCode::cancelled, kWhere, "stopped while waiting for the other processes, as asked");
      }
      mx::synchronize(stream_);  // throws what went wrong there
      return all;
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {
      why = error.what();
    }
  lost_ = true;
  fail(ErrorCode::io, kWhere,
       fmt::format("process {} of {} lost another one: {}; that one says why it ended, or was killed", rank_, size_,
                   io::printable(why, 200)));
}

std::vector<std::string> Ranks::records(char kind, const std::string& text) {
  std::vector<uint8_t> bytes(kRecord, 0);
  bytes[0] = static_cast<uint8_t>(kind);
  std::copy_n(text.begin(), std::min(text.size(), kRecord - 2), bytes.begin() + 1);
  const auto all = exchanged(mx::array(bytes.begin(), {1, static_cast<int>(kRecord)}, mx::uint8));
  std::vector<std::string> records;
  for (int rank = 0; rank < size_; ++rank) {
    const auto* begin = all.data<uint8_t>() + rank * kRecord;
    records.emplace_back(begin, std::find(begin, begin + kRecord, 0));
  }
  return records;
}

std::vector<std::string> Ranks::say(const std::string& mine) {
  if (mine.size() > kRecord - 2) fail(ErrorCode::internal, kWhere, fmt::format("a text of {} bytes", mine.size()));
  auto all = records(kSaid, mine);
  for (size_t rank = 0; rank < all.size(); ++rank) {
    if (all[rank].empty() || all[rank][0] != kSaid) {
      heard_ = true;
      fail_as_told(rank, all[rank].empty() ? "" : all[rank].substr(1));
    }
    all[rank].erase(0, 1);
  }
  return all;
}

mx::array Ranks::gather(const mx::array& x) {
  mx::eval(x);
  kernels::check_stop();
  say("");
  return exchanged(x);
}

void Ranks::part() {
  say("");
  parted_ = true;
}

void Ranks::give_up(const std::exception_ptr& why) noexcept {
  if (std::exchange(heard_, false) || lost_ || parted_) return;
  try {
    records(kFailed, told(why));
  } catch (...) {  // they are gone: what ended this one is the better error
  }
}

}  // namespace corepulse::engine
