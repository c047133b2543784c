/* measure.h: what timing tools share: tensors for a case, checking against the host target, device time with a cold L2 cache.
 *
 * A case is text: op.kernel:NAME=VALUE,.. where a name is a dim (its size), a type of the spec (its dtype, bf16 where not said), an
 * option (its choice), `below`: integer inputs are drawn from 0 .. below-1 (the default is the smallest dim), or `order`: how the axes of
 * tensors of as many axes lie in memory, outermost first (order=0213: [B, H, S, D] laid out as [B, S, H, D]).
 * Failures of the library or the driver end the program: a tool has nothing to recover.
 */
#ifndef LGR_MEASURE_H
#define LGR_MEASURE_H
#include "gpu.h"
#include "liger.h"

#include <stdbool.h>

enum { MEASURE_MAX_TENSORS = 32, MEASURE_MAX_NAMES = 32, MEASURE_MAX_SETS = 128, MEASURE_ROUNDS = 11 };

typedef struct Case {
    char text[256], op[48], kernel[48];
    char name[MEASURE_MAX_NAMES][32], value[MEASURE_MAX_NAMES][32];
    int n;
    const lgr_kernel *k;
} Case;

/* One argument list: tensors on the device or the host, and the call. */
typedef struct Set {
    DLTensor t[MEASURE_MAX_TENSORS];
    const DLTensor *arg[MEASURE_MAX_TENSORS];
    int64_t shape[MEASURE_MAX_TENSORS][6], stride[MEASURE_MAX_TENSORS][6];
    size_t bytes[MEASURE_MAX_TENSORS];
    int32_t options[MEASURE_MAX_NAMES];
    void *work;
    size_t work_bytes;
    bool device;
    lgr_call call;
} Set;

/* Random bits that a tensor is filled with. */
typedef struct MeasureFilling { void *p; size_t bytes; DLDataType t; bool near_one; int64_t below; } MeasureFilling;

typedef struct Measure {
    lgr_context *ctx;
    Gpu *gpu;                         /* NULL: host only */
    GpuStream stream;
    MeasureFilling filling[MEASURE_MAX_TENSORS];
    const char *worst;                /* the output that the last comparison found farthest off, and its first elements */
    double got, want;
} Measure;

void   measure_die(const char *what);                                   /* with the library's last error; exit 1 */
/* False with a message on stderr when the text is no case of an open pack's kernel. */
bool   measure_parse(Measure *m, const char *text, Case *c);
const char *measure_value(const Case *c, const char *name);             /* NULL when the case does not name it */
int64_t measure_dim(const Case *c, const char *name);                   /* -1 likewise */
int64_t measure_extent(const Case *c, const char *text);                /* of an extent's text ("2*F") at the case's sizes */
int64_t measure_below(const Case *c);                                   /* integer inputs are less than this */
DLDataType measure_dtype(const Case *c, const char *type);              /* of a type of the spec, or of a dtype's own name */
double measure_element(const void *p, DLDataType t, size_t i);
void   measure_encode(void *p, DLDataType t, size_t i, double v);       /* rounded to nearest */
double measure_unit(DLDataType t, double v);                            /* in the last place of v; below the least normal number, of that */
/* Relative L2 difference of n elements from `factor` times those at `want`; infinite where NaN or Inf stand elsewhere. Either side was rounded to t, whose
 * numbers below the least normal one lie half of measure_unit(t, 0) from what they stand for, however small that is: what two such roundings, of the
 * element and of the one to be scaled, make of it is no difference. */
double measure_distance(const double *got, const void *want, DLDataType t, int64_t n, double factor);
/* Tensors of the case with random inputs; outputs are filled with NaN patterns. */
void   measure_set(Measure *m, bool device, const Case *c, Set *s);
void   measure_free(Measure *m, Set *s);
/* What sets were filled with, at the end. */
void   measure_forget(Measure *m);
/* Outputs as measure_set() leaves them. */
void   measure_clear(Measure *m, const Case *c, Set *s);
/* Workspace for the variant that the call now asks for; false when no variant serves. */
bool   measure_workspace(Measure *m, Set *s);
size_t measure_bytes(const Case *c, const Set *s);                      /* that must move: every tensor once; of a table read by index, the rows read */
/* A smaller case of the same kernel and row lengths: few enough elements for the host. */
Case   measure_small(const Case *c);
/* Runs the case on the host target, once, for comparisons. */
void   measure_host_results(Measure *m, const Case *c, Set *host);
/* Relative L2 difference of the worst output of `dev` (which may lie on the host too) from those of `host`; NaN when anything is. */
double measure_compare(Measure *m, const Case *c, const Set *dev, const Set *host);
/* Median time of one launch in microseconds, by graph replay over the sets in rotation; graphs are timed interleaved. */
GpuGraph measure_graph(Measure *m, Set *s, int sets, int launches);
void   measure_times(Measure *m, const GpuGraph *g, int n, int rounds, int launches, double *us);
int    measure_sets_for(size_t bytes);                                  /* argument sets that make 400 MB or more, but 128 at most: peers.py has the same rule */
int    measure_launches_for(size_t bytes, int sets);
/* Microseconds of the better of two copies that move as many bytes: the pack's copy op and the driver's. 0 when the pack has none. */
double measure_copy(Measure *m, size_t bytes);
/* The same on the host: one launch; the copy op (f32, as many threads), 0 when the pack has none. */
double measure_host_launch(Measure *m, Set *s);
double measure_host_copy(Measure *m, size_t bytes);
/* Microseconds of a launch of `ours`, and of a copy of so many bytes, launched alternately. */
double measure_host_beside(Measure *m, Set *ours, size_t bytes, double *copy);
/* In a process of its own: signals end it, whatever handlers the caller had. */
void   measure_plain_signals(void);
double measure_now_us(void);
double measure_median(double *v, int n);
#endif
