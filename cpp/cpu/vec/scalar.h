// The logical vector as plain lanes: for machines without another instruction set here,
// and the reference for the others. Loops that a compiler may vectorise as it likes:
// every lane is computed on its own.
#pragma once

#include <cstddef>
#include <cstdint>

#include "numerics/scalar.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

template <class T>
struct Lanes {
  using Scalar = T;
  using One = numerics::Lane<T>;
  using Unsigned = typename One::Unsigned;
  using Signed = typename One::Signed;
  static constexpr int lanes = 64 / static_cast<int>(sizeof(T));

  /// All bits of a lane set, or none.
  struct Mask {
    Unsigned lane[lanes];

    static LAMINA_INLINE Unsigned of(bool set) { return Unsigned(0) - static_cast<Unsigned>(set); }
    friend LAMINA_INLINE Mask operator&(const Mask& a, const Mask& b) {
      Mask r;
      for (int i = 0; i < lanes; ++i) r.lane[i] = a.lane[i] & b.lane[i];
      return r;
    }
    friend LAMINA_INLINE Mask operator|(const Mask& a, const Mask& b) {
      Mask r;
      for (int i = 0; i < lanes; ++i) r.lane[i] = a.lane[i] | b.lane[i];
      return r;
    }
    friend LAMINA_INLINE Mask operator!(const Mask& a) {
      Mask r;
      for (int i = 0; i < lanes; ++i) r.lane[i] = ~a.lane[i];
      return r;
    }
    friend LAMINA_INLINE bool any(const Mask& a) {
      Unsigned r = 0;
      for (int i = 0; i < lanes; ++i) r |= a.lane[i];
      return r != 0;
    }
    friend LAMINA_INLINE bool all(const Mask& a) {
      Unsigned r = ~Unsigned(0);
      for (int i = 0; i < lanes; ++i) r &= a.lane[i];
      return r != 0;
    }
  };

  struct Int {
    Unsigned lane[lanes];

    static LAMINA_INLINE Int splat(Signed s) {
      Int r;
      for (int i = 0; i < lanes; ++i) r.lane[i] = static_cast<Unsigned>(s);
      return r;
    }
    static LAMINA_INLINE Int load(const Unsigned* p) {
      Int r;
      for (int i = 0; i < lanes; ++i) r.lane[i] = p[i];
      return r;
    }
    static LAMINA_INLINE Int load_partial(const Unsigned* p, std::size_t n) {
      Int r = splat(0);
      for (std::size_t i = 0; i < n; ++i) r.lane[i] = p[i];
      return r;
    }
    LAMINA_INLINE void store(Unsigned* p) const {
      for (int i = 0; i < lanes; ++i) p[i] = lane[i];
    }
    LAMINA_INLINE void store_partial(Unsigned* p, std::size_t n) const {
      for (std::size_t i = 0; i < n; ++i) p[i] = lane[i];
    }

    friend LAMINA_INLINE Int operator+(const Int& a, const Int& b) {
      Int r;
      for (int i = 0; i < lanes; ++i) r.lane[i] = a.lane[i] + b.lane[i];
      return r;
    }
    friend LAMINA_INLINE Int operator-(const Int& a, const Int& b) {
      Int r;
      for (int i = 0; i < lanes; ++i) r.lane[i] = a.lane[i] - b.lane[i];
      return r;
    }
    friend LAMINA_INLINE Int operator&(const Int& a, const Int& b) {
      Int r;
      for (int i = 0; i < lanes; ++i) r.lane[i] = a.lane[i] & b.lane[i];
      return r;
    }
    friend LAMINA_INLINE Int operator|(const Int& a, const Int& b) {
      Int r;
      for (int i = 0; i < lanes; ++i) r.lane[i] = a.lane[i] | b.lane[i];
      return r;
    }
    friend LAMINA_INLINE Int operator^(const Int& a, const Int& b) {
      Int r;
      for (int i = 0; i < lanes; ++i) r.lane[i] = a.lane[i] ^ b.lane[i];
      return r;
    }
    friend LAMINA_INLINE Int operator~(const Int& a) {
      Int r;
      for (int i = 0; i < lanes; ++i) r.lane[i] = ~a.lane[i];
      return r;
    }
    friend LAMINA_INLINE Mask operator==(const Int& a, const Int& b) {
      Mask r;
      for (int i = 0; i < lanes; ++i) r.lane[i] = Mask::of(a.lane[i] == b.lane[i]);
      return r;
    }
    friend LAMINA_INLINE Mask operator<(const Int& a, const Int& b) {
      Mask r;
      for (int i = 0; i < lanes; ++i) {
        r.lane[i] = Mask::of(static_cast<Signed>(a.lane[i]) < static_cast<Signed>(b.lane[i]));
      }
      return r;
    }
    friend LAMINA_INLINE Mask operator>(const Int& a, const Int& b) { return b < a; }
    friend LAMINA_INLINE Int select(const Mask& m, const Int& a, const Int& b) {
      Int r;
      for (int i = 0; i < lanes; ++i) r.lane[i] = (m.lane[i] & a.lane[i]) | (~m.lane[i] & b.lane[i]);
      return r;
    }
    friend LAMINA_INLINE Lanes as_float(const Int& a) {
      Lanes r;
      for (int i = 0; i < lanes; ++i) r.lane[i] = numerics::builtin::bits<T>(a.lane[i]);
      return r;
    }
    template <int N>
    friend LAMINA_INLINE Int shift_left(const Int& a) {
      Int r;
      for (int i = 0; i < lanes; ++i) r.lane[i] = a.lane[i] << N;
      return r;
    }
    template <int N>
    friend LAMINA_INLINE Int shift_right(const Int& a) {
      Int r;
      for (int i = 0; i < lanes; ++i) r.lane[i] = a.lane[i] >> N;
      return r;
    }
    /// low and high 32 bits of the unsigned product, lane by lane. Only F32::Int.
    friend LAMINA_INLINE void mul_wide(const Int& a, const Int& b, Int* low, Int* high) {
      static_assert(sizeof(T) == 4);
      Int l, h;
      for (int i = 0; i < lanes; ++i) {
        const std::uint64_t product = static_cast<std::uint64_t>(a.lane[i]) * b.lane[i];
        l.lane[i] = static_cast<Unsigned>(product);
        h.lane[i] = static_cast<Unsigned>(product >> 32);
      }
      *low = l;
      *high = h;
    }
  };

  T lane[lanes];

  static LAMINA_INLINE Lanes splat(T s) {
    Lanes r;
    for (int i = 0; i < lanes; ++i) r.lane[i] = s;
    return r;
  }
  static LAMINA_INLINE Lanes load(const T* p) {
    Lanes r;
    for (int i = 0; i < lanes; ++i) r.lane[i] = p[i];
    return r;
  }
  static LAMINA_INLINE Lanes load_partial(const T* p, std::size_t n) {
    Lanes r = splat(T(0));
    for (std::size_t i = 0; i < n; ++i) r.lane[i] = p[i];
    return r;
  }
  LAMINA_INLINE void store(T* p) const {
    for (int i = 0; i < lanes; ++i) p[i] = lane[i];
  }
  LAMINA_INLINE void store_partial(T* p, std::size_t n) const {
    for (std::size_t i = 0; i < n; ++i) p[i] = lane[i];
  }

  friend LAMINA_INLINE Lanes operator+(const Lanes& a, const Lanes& b) {
    Lanes r;
    for (int i = 0; i < lanes; ++i) r.lane[i] = a.lane[i] + b.lane[i];
    return r;
  }
  friend LAMINA_INLINE Lanes operator-(const Lanes& a, const Lanes& b) {
    Lanes r;
    for (int i = 0; i < lanes; ++i) r.lane[i] = a.lane[i] - b.lane[i];
    return r;
  }
  friend LAMINA_INLINE Lanes operator*(const Lanes& a, const Lanes& b) {
    Lanes r;
    for (int i = 0; i < lanes; ++i) r.lane[i] = a.lane[i] * b.lane[i];
    return r;
  }
  friend LAMINA_INLINE Lanes operator/(const Lanes& a, const Lanes& b) {
    Lanes r;
    for (int i = 0; i < lanes; ++i) r.lane[i] = a.lane[i] / b.lane[i];
    return r;
  }
  friend LAMINA_INLINE Lanes operator-(const Lanes& a) {
    Lanes r;
    for (int i = 0; i < lanes; ++i) r.lane[i] = (-One{a.lane[i]}).value;
    return r;
  }
  friend LAMINA_INLINE Lanes fma(const Lanes& a, const Lanes& b, const Lanes& c) {
    Lanes r;
    for (int i = 0; i < lanes; ++i) r.lane[i] = numerics::builtin::fused(a.lane[i], b.lane[i], c.lane[i]);
    return r;
  }
  friend LAMINA_INLINE Lanes sqrt(const Lanes& a) {
    Lanes r;
    for (int i = 0; i < lanes; ++i) r.lane[i] = numerics::builtin::root(a.lane[i]);
    return r;
  }
  friend LAMINA_INLINE Lanes abs(const Lanes& a) {
    Lanes r;
    for (int i = 0; i < lanes; ++i) r.lane[i] = abs(One{a.lane[i]}).value;
    return r;
  }
  friend LAMINA_INLINE Lanes copysign(const Lanes& magnitude, const Lanes& sign) {
    Lanes r;
    for (int i = 0; i < lanes; ++i) r.lane[i] = copysign(One{magnitude.lane[i]}, One{sign.lane[i]}).value;
    return r;
  }
  friend LAMINA_INLINE Mask operator<(const Lanes& a, const Lanes& b) {
    Mask r;
    for (int i = 0; i < lanes; ++i) r.lane[i] = Mask::of(a.lane[i] < b.lane[i]);
    return r;
  }
  friend LAMINA_INLINE Mask operator<=(const Lanes& a, const Lanes& b) {
    Mask r;
    for (int i = 0; i < lanes; ++i) r.lane[i] = Mask::of(a.lane[i] <= b.lane[i]);
    return r;
  }
  friend LAMINA_INLINE Mask operator>(const Lanes& a, const Lanes& b) { return b < a; }
  friend LAMINA_INLINE Mask operator>=(const Lanes& a, const Lanes& b) { return b <= a; }
  friend LAMINA_INLINE Mask operator==(const Lanes& a, const Lanes& b) {
    Mask r;
    for (int i = 0; i < lanes; ++i) r.lane[i] = Mask::of(a.lane[i] == b.lane[i]);
    return r;
  }
  friend LAMINA_INLINE Mask operator!=(const Lanes& a, const Lanes& b) { return !(a == b); }
  friend LAMINA_INLINE Lanes select(const Mask& m, const Lanes& a, const Lanes& b) {
    return as_float(select(m, as_int(a), as_int(b)));
  }
  friend LAMINA_INLINE Int as_int(const Lanes& a) {
    Int r;
    for (int i = 0; i < lanes; ++i) r.lane[i] = numerics::builtin::bits<Unsigned>(a.lane[i]);
    return r;
  }
  friend LAMINA_INLINE T reduce_add(Lanes a) {
    for (int half = lanes / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; ++i) a.lane[i] = a.lane[i] + a.lane[i + half];
    }
    return a.lane[0];
  }
  friend LAMINA_INLINE T reduce_max(Lanes a) {
    for (int half = lanes / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; ++i) a.lane[i] = a.lane[i] > a.lane[i + half] ? a.lane[i] : a.lane[i + half];
    }
    return a.lane[0];
  }
};

using F32 = Lanes<float>;
using F64 = Lanes<double>;

/// Lanes 0..7, and lanes 8..15, exactly.
LAMINA_INLINE F64 widen_low(const F32& a) {
  F64 r;
  for (int i = 0; i < 8; ++i) r.lane[i] = static_cast<double>(a.lane[i]);
  return r;
}
LAMINA_INLINE F64 widen_high(const F32& a) {
  F64 r;
  for (int i = 0; i < 8; ++i) r.lane[i] = static_cast<double>(a.lane[8 + i]);
  return r;
}
/// Each lane rounded to the nearest float.
LAMINA_INLINE F32 narrow(const F64& low, const F64& high) {
  F32 r;
  for (int i = 0; i < 8; ++i) r.lane[i] = static_cast<float>(low.lane[i]);
  for (int i = 0; i < 8; ++i) r.lane[8 + i] = static_cast<float>(high.lane[i]);
  return r;
}

/// rows[i] lane j becomes rows[j] lane i.
template <class T>
LAMINA_INLINE void transpose(Lanes<T> (&rows)[Lanes<T>::lanes]) {
  for (int i = 0; i < Lanes<T>::lanes; ++i) {
    for (int j = 0; j < i; ++j) {
      const T kept = rows[i].lane[j];
      rows[i].lane[j] = rows[j].lane[i];
      rows[j].lane[i] = kept;
    }
  }
}

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
