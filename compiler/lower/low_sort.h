/* low_sort.h: the entries of a sum through an index, in order: low_sort.c puts them, low_scatter.c adds their rows up. */
#ifndef LGR_LOW_SORT_H
#define LGR_LOW_SORT_H
#include "low.h"

/* The launches. */
enum { SCATTER_ORDER, SCATTER_MERGE, SCATTER_DEAL, SCATTER_COUNT_HIGH, SCATTER_DEAL_HIGH, SCATTER_SUMS, SCATTER_JOIN };
enum { SORT_FEW = 8192 /* entries that are merged */, SORT_TILE = 2048 /* that are counted together */ };

void low_sort(const Low *first, const char *symbol);      /* all launches before the sums */

/* An entry is an i64, place << 32 | instance. Those that name no place have the number of places for it, stand last, and fill up the last chunk. */
LirVal low_sorted(Low *w, LirVal i);           /* i64 address of entry i of all, in order of place, then of instance */
LirVal low_sorted_end(Low *w);                 /* i32: there are so many, those of no instance included */
LirVal low_mark_of(Low *w, LirVal place);      /* i64 address of an i32: not 0 when an entry names the place */
LirVal low_place_of(Low *w, LirVal entry);     /* i32 */
LirVal low_named(Low *w, LirVal place);        /* bool: it is one */

/* low_digit.c: the launches behind the first, of many entries; what the first one does of it, and its shared memory. */
void     low_digits(const Low *first, const char *symbol);
void     low_count(Low *w, bool high);
uint32_t low_count_shared(const Low *w);

/* low_tally.c: keys 0 .. window - 1 of a block's threads, counted by warps; -1 is none. */
typedef struct Tally {
    int warps, window;          /* of the block; a multiple of 128, no more than its threads */
    int at, sums;               /* in shared memory: warps * window words; a word a warp */
} Tally;
void   low_tally_clear(Low *w, const Tally *t);
void   low_tally(Low *w, const Tally *t, const LirVal *key, int n, LirVal *rank);   /* n more of the thread; how many of the same key stand before each in its warp */
LirVal low_tally_all(Low *w, const Tally *t);              /* i32: the block's of the thread's own key */
void   low_tally_places(Low *w, const Tally *t, LirVal from);      /* they lie side by side from there on, warp by warp: */
LirVal low_tally_place(Low *w, const Tally *t, LirVal key, LirVal rank);            /* where one of the thread's then goes */
LirVal low_before_in_block(Low *w, const Tally *t, LirVal v, int n, LirVal *all);   /* i32: what threads before this one have of the v of all, which sum up to *all; those from n on have 0 */
LirVal low_lds(Low *w, DType dt, LirVal at);
void   low_sts(Low *w, LirVal at, LirVal v, int align);
void   low_sts_when(Low *w, LirVal at, LirVal v, LirVal when, int align);

LirVal sort_entries(Low *w);                   /* i32: all of them, with those that fill up */
LirVal sort_area(Low *w, int nth);             /* of the first launch's workspace: 8 bytes for each of them */
LirVal low_place_named(Low *w);                /* i32: by the instance at hand */
LirVal low_entry(Low *w, LirVal place, LirVal instance);

void low_launch_open(Low *w, const Low *first, int nth, const char *symbol, int threads);
void low_launch_close(const Low *w, LowLaunch l);

/* low_scatter.c: groups of lanes, and the rows that a group adds up in registers, as many of them read at once */
enum { AT_ONCE = 4 };
void low_open_groups(Low *w, int n);
void low_sums_new(Low *w);
void low_sums_clear(Low *w);
void low_row_of(Low *w, LirVal entry, LirVal ok, LirVal *v);      /* what the entry's instance adds, where ok: it names a place; else zeros */
void low_ask_row(Low *w, LirVal entry, LirVal ok, LirVal at, int pitch);       /* asks for what of it is read from memory; the lane's vectors, pitch bytes apart in shared memory */
void low_row_asked(Low *w, LirVal entry, LirVal ok, LirVal at, int pitch, LirVal *v);      /* and takes it, when it is there */
void low_write_place(Low *w, LirVal place, bool sums, LirVal when);      /* zeros, where not the sums */
int  low_warm_lines(const Low *w);              /* so many lines of memory are asked for before it is known which rows they are of; */
void low_ask_line(Low *w, LirVal line, LirVal end);      /* this one of all rows, as they lie in memory, of the tensors that are read by instance; before `end` */

/* low_bins.c: all launches, of places in bins */
void low_bins(const Low *first, const char *symbol);

/* Arithmetic on i32, as the three files write it down. */
static inline LirVal add(Low *w, LirVal a, LirVal b) { return lir_op2(w->fn, LIR_ADD, a, b); }
static inline LirVal sub(Low *w, LirVal a, LirVal b) { return lir_op2(w->fn, LIR_SUB, a, b); }
static inline LirVal product(Low *w, LirVal a, LirVal b) { return lir_op2(w->fn, LIR_MUL, a, b); }
static inline LirVal times(Low *w, LirVal a, int64_t by) { return product(w, a, low_ci(w, by)); }
static inline LirVal over(Low *w, LirVal a, int64_t by) { return lir_op2(w->fn, LIR_DIV, a, low_ci(w, by)); }
static inline LirVal ceil_div(Low *w, LirVal a, int by) { return over(w, add(w, a, low_ci(w, by - 1)), by); }
static inline LirVal both(Low *w, LirVal a, LirVal b) { return lir_op2(w->fn, LIR_AND, a, b); }
static inline LirVal rest(Low *w, LirVal a, int64_t of) { return both(w, a, low_ci(w, of - 1)); }      /* of a power of two */
static inline LirVal least(Low *w, LirVal a, LirVal b) { return lir_op2(w->fn, LIR_MIN, a, b); }
static inline LirVal less(Low *w, LirVal a, LirVal b) { return lir_op2(w->fn, LIR_LT, a, b); }
static inline LirVal same(Low *w, LirVal a, LirVal b) { return lir_op2(w->fn, LIR_EQ, a, b); }
static inline LirVal differ(Low *w, LirVal a, LirVal b) { return lir_op2(w->fn, LIR_NE, a, b); }
static inline LirVal pick(Low *w, LirVal c, LirVal a, LirVal b) { return lir_op3(w->fn, LIR_SELECT, c, a, b); }
static inline LirVal whole(Low *w, LirVal i32) { return lir_cast(w->fn, DT_I64, i32); }
static inline LirVal var_of(Low *w, LirVal v) { return lir_op1(w->fn, LIR_VAR, v); }
static inline LirVal get(Low *w, LirVal v) { return lir_op1(w->fn, LIR_GET, v); }
static inline void mark_uniform(Low *w, LirOpcode op, LirVal a) { lir_add(w->fn, (LirOp){.op = (uint8_t)op, .ref = -1, .flags = LIR_F_UNIFORM, .a = {a}}); }

static inline LirVal sort_element(Low *w, LirVal base, LirVal i, int64_t bytes) { return add(w, base, low_mul_i64(w, i, bytes)); }
static inline LirVal sort_part(Low *w, int launch) { return low_word(w, DT_I64, (LirWord){LIR_W_WORK, (uint16_t)launch, 0, 0}); }

LirVal low_load_at(Low *w, DType dt, int lanes, LirVal at, LirVal when, int align);     /* when: 0, or a bool that must hold */
void   low_store_at(Low *w, LirVal at, LirVal v, LirVal when, int align);

#endif
