// Parameters that several stores have in common: each keeps a copy, and the one that was changed last holds
// the newest value; the others fetch it before they next use theirs.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "nn/parameters/memory.h"

namespace lamina::nn {

/// One value of which several memories have a copy. Locks are taken in the order: a memory's fetching lock,
/// this one's, a memory's lock of its values.
class SharedParameter {
 public:
  /// Parameter `index` of `memory` is a copy; `newest`: the one that counts.
  void join(const ParameterMemory& memory, std::size_t index, bool newest);
  /// `memory` goes: what only it holds is handed on.
  void leave(const ParameterMemory& memory);
  /// Counts changes: a copy of another version is to be fetched.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  /// `memory` has changed its copy. Returns the version that it now has.
  std::uint64_t changed(const ParameterMemory& memory);
  /// Reads the newest copy into `buffer`, unless it is `memory`'s. Returns its version and whether
  /// there was anything to read.
  std::pair<std::uint64_t, bool> read_newest(const ParameterMemory& memory, std::vector<char>& buffer);

 private:
  struct Member {
    const ParameterMemory* memory;
    std::size_t index;
  };
  std::mutex lock_;
  std::atomic<std::uint64_t> version_{1};
  std::vector<Member> members_;
  const ParameterMemory* newest_ = nullptr;
  std::vector<char> left_;  ///< the newest copy, when the memory that held it is gone
};

/// The shared parameters of one memory.
class SharedParameters {
 public:
  explicit SharedParameters(std::shared_ptr<ParameterMemory> memory) : memory_(std::move(memory)) {}
  ~SharedParameters();
  SharedParameters(const SharedParameters&) = delete;
  SharedParameters& operator=(const SharedParameters&) = delete;

  /// Parameter `index` and the other memory's parameter, of the same shape and type, become one, with the
  /// other's value. ValueError when they are one already.
  void share(std::size_t index, SharedParameters& other, std::size_t other_index);
  bool shares(std::size_t index) const;
  bool any() const { return any_.load(std::memory_order_acquire); }
  /// Fetches what others have changed. `training`: the caller is the one who trains or evaluates;
  /// all others leave the parameters alone while one does.
  void fetch(bool training);
  /// The parameters of this memory were changed; `only`: but for this one they are as they were.
  void changed();
  void changed(std::size_t only);

 private:
  struct Share {
    std::shared_ptr<SharedParameter> value;
    std::size_t index = 0;
    std::uint64_t seen = 0;
  };
  std::shared_ptr<ParameterMemory> memory_;
  std::atomic<bool> any_{false};
  mutable std::mutex fetching_;
  std::vector<Share> shares_;
  std::vector<char> buffer_;
};

}  // namespace lamina::nn
