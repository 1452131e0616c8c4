"""The functions that a C file may need, in C99. Their orders are those of docs/numerics.md.

`R` is the type of the numbers, `F(f)` the function of the C library for it.
"""

from __future__ import annotations

DEPTH_CHUNK = 512  # kDepthChunk of cpp/numerics/order.h
_SUM_CHUNK = 4096  # kSumChunk
_ROW_CHUNK = 128  # kRowChunk
_VECTOR_BYTES = 64  # kVectorBytes

_DENSE = f"""\
/* y[j] = sum over l of x[l] * w[l][j], plus b[j]: chains of {DEPTH_CHUNK} fused multiply-adds,
 * joined by a tree of neighbours. `parts` has room for all chains. */
static void dense(size_t n, size_t m, const R *x, const R *w, const R *b, R *parts, R *y) {{
  size_t chains = n ? (n + {DEPTH_CHUNK} - 1) / {DEPTH_CHUNK} : 1, c, i, j, l;
  for (c = 0; c < chains; ++c) {{
    R *sum = parts + c * m;
    const size_t end = n < (c + 1) * {DEPTH_CHUNK} ? n : (c + 1) * {DEPTH_CHUNK};
    for (j = 0; j < m; ++j) sum[j] = 0;
    for (l = c * {DEPTH_CHUNK}; l < end; ++l)
      for (j = 0; j < m; ++j) sum[j] = F(fma)(x[l], w[l * m + j], sum[j]);
  }}
  for (; chains > 1; chains = (chains + 1) / 2)
    for (i = 0; i < (chains + 1) / 2; ++i)
      for (j = 0; j < m; ++j)
        parts[i * m + j] = 2 * i + 1 < chains
            ? parts[2 * i * m + j] + parts[(2 * i + 1) * m + j]
            : parts[2 * i * m + j];
  for (j = 0; j < m; ++j) y[j] = b ? parts[j] + b[j] : parts[j];
}}
"""
_ROW_SUM = f"""\
/* The sum of n numbers, or of the squares of what they are above c: {_VECTOR_BYTES} bytes of sums
 * side by side, joined by halves, and pieces of {_SUM_CHUNK} numbers by a tree of neighbours. */
static R row_sum(size_t n, const R *x, R c, int squares) {{
  R side[{_VECTOR_BYTES} / sizeof(R)] = {{0}};
  size_t i, w = {_VECTOR_BYTES} / sizeof(R);
  if (n > {_SUM_CHUNK}) {{
    size_t half = {_SUM_CHUNK};
    while (2 * half < n) half *= 2;
    return row_sum(half, x, c, squares) + row_sum(n - half, x + half, c, squares);
  }}
  for (i = 0; i < n; ++i) side[i % w] += squares ? (x[i] - c) * (x[i] - c) : x[i];
  while (w /= 2)
    for (i = 0; i < w; ++i) side[i] += side[i + w];
  return side[0];
}}
"""
_NORMALIZE_ROWS = """\
/* Each of the rows of n numbers, less its mean (centred) and divided by its deviation, the root of
 * its variance about that mean (varied) or about 0; or divided by its norm where epsilon is
 * negative. Then times gamma and plus beta, which have `period` rows. */
static void normalize_rows(size_t rows, size_t n, size_t period, int centred, int varied,
                           R epsilon, const R *gamma, const R *beta, R *x) {
  size_t r, j;
  for (r = 0; r < rows; ++r, x += n) {
    const R mean = varied ? row_sum(n, x, 0, 0) / (R)n : 0;
    const R squares = row_sum(n, x, mean, 1), c = centred ? mean : 0;
    R inverse = 1 / F(sqrt)(epsilon < 0 ? squares : squares / (R)n + epsilon);
    if (epsilon < 0) inverse = inverse < (R)1e12 ? inverse : (R)1e12;
    for (j = 0; j < n; ++j) {
      const R h = (x[j] - c) * inverse;
      const size_t k = r % period * n + j;
      x[j] = beta ? F(fma)(h, gamma ? gamma[k] : 1, beta[k]) : gamma ? h * gamma[k] : h;
    }
  }
}
"""
_COLUMNS = """\
/* (x - mean) * scale + shift, with one of each for each feature; features stand `inner` apart. */
static void columns(size_t n, size_t inner, size_t features, const R *mean, const R *scale,
                    const R *shift, R *x) {
  size_t i;
  for (i = 0; i < n; ++i) {
    const size_t j = i / inner % features;
    x[i] = F(fma)(x[i] - mean[j], scale[j], shift[j]);
  }
}
"""
_LARGEST = """\
static R largest(size_t n, const R *y) {
  R most = y[0];
  size_t i;
  for (i = 1; i < n; ++i) most = y[i] > most ? y[i] : most;
  return most;
}
"""
_SOFTMAX = """\
static void softmax(size_t n, R *parts, R *y) {
  const R most = largest(n, y);
  R sum;
  size_t i;
  (void)parts;
  for (i = 0; i < n; ++i) y[i] = F(exp)(y[i] - most);
  sum = row_sum(n, y, 0, 0);
  for (i = 0; i < n; ++i) y[i] /= sum;
}
"""
_LOG_SOFTMAX = """\
static void log_softmax(size_t n, R *parts, R *y) {
  const R most = largest(n, y);
  R sum;
  size_t i;
  for (i = 0; i < n; ++i) parts[i] = F(exp)(y[i] - most);
  sum = F(log)(row_sum(n, parts, 0, 0));
  for (i = 0; i < n; ++i) y[i] = y[i] - most - sum;
}
"""
_SPARSEMAX = """\
/* The nearest point whose numbers are at least 0 and add up to 1. */
static void sparsemax(size_t n, R *parts, R *y) {
  R sum = 0, moved = NAN;
  size_t gap, i, j;
  int strange = 0;
  for (i = 0; i < n; ++i) {
    strange = strange || !(y[i] < INFINITY);
    parts[i] = y[i];
  }
  for (gap = n / 2; gap > 0; gap /= 2) /* the largest first */
    for (i = gap; i < n; ++i) {
      const R z = parts[i];
      for (j = i; j >= gap && parts[j - gap] < z; j -= gap) parts[j] = parts[j - gap];
      parts[j] = z;
    }
  for (i = 0; i < n && !strange; ++i) {
    R next;
    sum += parts[i];
    next = (sum - 1) / (R)(i + 1);
    if (!(parts[i] - next > 0)) break;
    moved = next;
  }
  for (i = 0; i < n; ++i) {
    const R above = y[i] - moved;
    y[i] = above <= 0 ? 0 : above;
  }
}
"""
_LOOK_UP = """\
/* Rows of a table; an index outside of it gives NaN. */
static void look_up(size_t n, size_t entries, size_t width, const R *table, const R *x, R *y) {
  size_t i, j;
  for (i = 0; i < n; ++i) {
    const int known = x[i] >= 0 && x[i] < (R)entries;
    const R *row = table + (known ? (size_t)x[i] : 0) * width;
    for (j = 0; j < width; ++j) y[i * width + j] = known ? row[j] : NAN;
  }
}
"""
_SIGMOID = """\
static R sigmoid(R x) {
  const R e = F(exp)(-F(fabs)(x));
  return (x < 0 ? e : 1) / (1 + e);
}
"""
_SOFTPLUS = """\
static R softplus(R x) { return (x < 0 ? 0 : x) + F(log1p)(F(exp)(-F(fabs)(x))); }
"""
_CLAMP = """\
static R clamp(R x, R low, R high) {
  x = low > x ? low : x;
  return high < x ? high : x;
}
"""

_COLUMN_SUM = f"""\
/* The sum of n numbers that stand `step` apart: chains of {_ROW_CHUNK}, joined by a tree of
 * neighbours. */
static R column_sum(size_t n, size_t step, const R *x) {{
  R sum = 0;
  size_t i;
  if (n > {_ROW_CHUNK}) {{
    size_t half = {_ROW_CHUNK};
    while (2 * half < n) half *= 2;
    return column_sum(half, step, x) + column_sum(n - half, step, x + half * step);
  }}
  for (i = 0; i < n; ++i) sum += x[i * step];
  return sum;
}}
"""
_MAXIMUM = """\
static R maximum(R a, R b) { return a != a ? a : a > b ? a : b; }
"""
_MINIMUM = """\
static R minimum(R a, R b) { return a != a ? a : a < b ? a : b; }
"""
_EXTREME = """\
/* The {0} of n numbers that stand `step` apart. */
static R {0}_of(size_t n, size_t step, const R *x) {{
  R most = x[0];
  size_t i;
  for (i = 1; i < n; ++i) most = {0}(most, x[i * step]);
  return most;
}}
"""

#: Functions of numbers that expressions may use.
HELPERS = ("maximum", "minimum")

#: The text of each function, and the functions that it calls.
FUNCTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "dense": (_DENSE, ()),
    "row_sum": (_ROW_SUM, ()),
    "normalize_rows": (_NORMALIZE_ROWS, ("row_sum",)),
    "columns": (_COLUMNS, ()),
    "largest": (_LARGEST, ()),
    "softmax": (_SOFTMAX, ("largest", "row_sum")),
    "log_softmax": (_LOG_SOFTMAX, ("largest", "row_sum")),
    "sparsemax": (_SPARSEMAX, ()),
    "look_up": (_LOOK_UP, ()),
    "sigmoid": (_SIGMOID, ()),
    "softplus": (_SOFTPLUS, ()),
    "clamp": (_CLAMP, ()),
    "column_sum": (_COLUMN_SUM, ()),
    "maximum": (_MAXIMUM, ()),
    "minimum": (_MINIMUM, ()),
    "maximum_of": (_EXTREME.format("maximum"), ("maximum",)),
    "minimum_of": (_EXTREME.format("minimum"), ("minimum",)),
}


def texts(used: set[str]) -> list[str]:
    """The texts of the functions that are used and of those that they call, callees first."""
    wanted = set(used)
    for name in used:
        wanted.update(FUNCTIONS[name][1])
    return [text for name, (text, _) in FUNCTIONS.items() if name in wanted]
