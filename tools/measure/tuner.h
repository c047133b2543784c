/* tuner.h: measures every variant of a pack that serves a case, on the host or on the GPU.
 *
 * A case runs in a process of its own, which tells what it is about to do and what it found: a candidate that crashes, hangs or is wrong is
 * a row of the result, and the others go on in a new process.  Candidates are taken in the pack's order, the model's best first, and timed in
 * interleaved rounds, so that whenever it is stopped, by the budget or by hand, what was measured so far stands.
 */
#ifndef LGR_TUNER_H
#define LGR_TUNER_H
#include "measure.h"

#include <signal.h>
#include <stdio.h>

enum { TUNER_MAX_ROWS = 2048, TUNER_MAX_ROUNDS = 64, TUNER_MAX_DEAD = 16 };

/* X(name, sentence) */
#define TUNER_FATES(X)                                             \
    X(ok,      "measured")                                         \
    X(unheard, "checked, but stopped before it was measured")      \
    X(wrong,   "its results differ from the host target's")        \
    X(launch,  "the runtime or the driver refused it")             \
    X(crash,   "it ended its process")                             \
    X(hang,    "it took longer than a candidate may")
typedef enum TunerFate {
#define X(name, doc) TUNER_##name,
    TUNER_FATES(X)
#undef X
    TUNER_FATE_COUNT
} TunerFate;
const char *tuner_fate_name(TunerFate f);
const char *tuner_fate_doc(TunerFate f);

typedef struct TunerRow {
    uint32_t variant, nest;
    TunerFate fate;
    int rounds;
    double us, err;                   /* us: the median round */
    int32_t registers, spills;
    int64_t n, instances;             /* row length, rows */
    bool model;                       /* what the runtime would take: the model's own choice */
    char target[16], schedule[256], why[160];       /* why: what went wrong */
} TunerRow;

typedef struct TunerCase {
    char text[256], machine[128];
    double copy;                      /* microseconds of the better copy of as many bytes; 0: no copy op was given */
    uint64_t bytes;
    uint32_t candidates, serving;     /* variants in the pack's list; those of them that serve the case */
    TunerRow row[TUNER_MAX_ROWS]; int n;
    int best;                         /* row, -1 none */
    bool cut;                         /* the budget ended, or `stop` was set */
    int refused;                      /* how the process ended that could not even begin: 2 no such case, 6 no GPU, -1 by a signal */
} TunerCase;

typedef struct Tuner {
    const void *pack, *with; size_t pack_size, with_size;     /* the candidates; a pack with the copy op, or NULL */
    bool host;                        /* CPU tensors, else the first GPU */
    int rounds;
    double budget, patience;          /* seconds for the case (0: no end) and for one step of a candidate (0: 20) */
    const volatile sig_atomic_t *stop;                        /* set by a handler of the caller's; may be NULL */
    void (*progress)(void *self, const TunerCase *c, double seconds_left); void *self;    /* after each step; may be NULL */
} Tuner;

/* False when nothing could be measured at all; a message is on stderr. */
bool tuner_run(const Tuner *t, const char *text, TunerCase *out);
/* The page of a tuning: how it was made, a roof of bytes a second, for each case its candidates and failures. Needs nothing beside it. */
typedef struct TunerPage { const char *title, *command; const TunerCase *const *cases; int n; } TunerPage;
void tuner_html(FILE *f, const TunerPage *p);
/* Rows as CSV, whose columns tuner_csv_head() names. */
void tuner_csv_head(FILE *f);
void tuner_csv(FILE *f, const TunerCase *c);
#endif
