// Parameters that several networks have in common: each keeps a copy of its own, and whoever
// changed its copy last has the newest; the others fetch it before they next use theirs.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace lamina::nn {

class Trainer;

/// One value that lies in several networks. Locks are taken in the order: a network's fetching lock,
/// this one's, a network's lock of its parameters.
class SharedParameter {
 public:
  /// `model` has a copy, of its parameter `index`; `newest`: the one that counts.
  void join(Trainer& model, std::size_t index, bool newest);
  /// `model` goes: what only it knows is handed on.
  void leave(Trainer& model);
  /// Counts changes: a copy of another version is to be fetched.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  /// `model` has changed its copy. Returns the version that it now has.
  std::uint64_t changed(Trainer& model);
  /// Reads the newest copy into `buffer`, unless it is `model`'s. Returns its version and whether
  /// there was anything to read.
  std::pair<std::uint64_t, bool> read_newest(const Trainer& model, std::vector<char>& buffer);

 private:
  struct Member {
    Trainer* model;
    std::size_t index;
  };
  std::mutex lock_;
  std::atomic<std::uint64_t> version_{1};
  std::vector<Member> members_;
  Trainer* newest_ = nullptr;
  std::vector<char> left_;  ///< the newest copy, when the network that had it is gone
};

/// The shared parameters of one network.
class SharedParameters {
 public:
  explicit SharedParameters(Trainer& model) : model_(model) {}
  ~SharedParameters();
  SharedParameters(const SharedParameters&) = delete;
  SharedParameters& operator=(const SharedParameters&) = delete;

  /// Parameter `index` and the other network's parameter become one, with the other's value.
  /// ValueError when they differ in shape or type, or are the same already.
  void share(std::size_t index, Trainer& other, std::size_t other_index);
  bool shares(std::size_t index) const;
  bool any() const { return any_.load(std::memory_order_acquire); }
  /// Fetches what others have changed. `training`: the caller is the one who trains or evaluates;
  /// all others leave the parameters alone while somebody does.
  void fetch(bool training);
  /// This network has changed its parameters; `only`: but for this one they are as they were.
  void changed();
  void changed(std::size_t only);

 private:
  struct Share {
    std::shared_ptr<SharedParameter> value;
    std::size_t index = 0;
    std::uint64_t seen = 0;
  };
  Trainer& model_;
  std::atomic<bool> any_{false};
  mutable std::mutex fetching_;
  std::vector<Share> shares_;
  std::vector<char> buffer_;
};

}  // namespace lamina::nn
