/* low.h: the lowering's own state, shared by its files: one kernel under one schedule while it is being written down.
 *
 * Names used throughout: g the instance, k the vector of a lane within its row, p the phase, mask what part of vector k
 * lies inside the row.
 */
#ifndef LGR_LOW_H
#define LGR_LOW_H
#include "lower.h"
#include "row_view.h"

enum { LOW_MAX_PER = 65, LOW_MAX_RED = 16, LOW_MAX_PARTS = 32, LOW_MAX_BARN = 14 };   /* 64 vectors of a row and an edge; row groups with a named barrier each, besides the block's own and one of single warps */

/* What part of a vector lies inside the row. */
typedef enum { MASK_FULL, MASK_WHOLE, MASK_PART } MaskKind;
typedef struct Mask {
    MaskKind kind;
    LirVal   in;         /* MASK_WHOLE: bool, the vector is inside */
    LirVal   lo, hi;     /* MASK_PART: i32, elements lo <= i < hi are inside */
} Mask;

/* A reduction along the row within one phase. Argmax is two of these in consecutive phases; logsumexp is a pair (largest, sum)
 * in one, RED_VAR a triple (sum, squared distances from the mean, count); a pick is a scalar read by one lane and given to all, which is over before any lane writes in place.
 * Like a pick RED_DEAL takes in no elements: the number that a row group's first lane drew, told to all of it. */
typedef enum { RED_SUM, RED_MAX, RED_MIN, RED_LSE, RED_VAR, RED_PICK, RED_DEAL } RedKind;
typedef struct Red {
    struct Low *of;      /* whose it is, where that is not the nest being lowered; low_aside.c */
    TirVal  op;          /* the reduction in the tile IR */
    RedKind kind;
    int     step;        /* 0, or 1 for the second half of argmax */
    DType   dt;          /* of the accumulator */
    LirVal  acc[LOW_MAX_PER];   /* running vectors (values, or variables in a loop over the row) */
    LirVal  sum[LOW_MAX_PER];   /* of RED_LSE, whose acc are its largest values; of RED_VAR in one walk the squares of distances from pivot, whose acc are their sums, of one word */
    LirVal  edge;               /* what the lane's edge gives, a scalar; 0: no edges */
    bool    first;              /* of RED_LSE: the vector that comes next is the first of its pair; only where that is sure when it is lowered */
    bool    sent;               /* of RED_PICK: the other lanes have been told already */
    LirVal  teller;             /* of RED_PICK: i32 warp, among those of the row, that tells it; 0: the first */
    LirVal  pivot, count;       /* of RED_VAR in one walk: one value for the lane each */
    LirVal  total, squares;     /* of RED_VAR, for the lanes of a warp: sum, and squared distances from their mean */
    uint32_t nacc;
} Red;

typedef struct Low {
    LirFn *fn;
    const TirFn *tir;
    const RowView *rv;
    const Sched *s;
    const Target *t;
    Arena *a;
    Diag *d;
    LowKernel *out;
    bool host;

    LirVal tid, lane, grp;            /* i32; grp and lane constants 0 where there is one */
    LirVal at;                        /* i32 lane among all lanes of the row, those of the cluster's other blocks included */
    int    lanes;                     /* of a row: the schedule's lanes times the blocks of a cluster */
    LirVal block, blocks;             /* i32 number of the block, or cluster of blocks, and of all */
    LirVal other;                     /* bool: this block works for the next nest; 0 where the launch is not shared */
    bool   parts;                     /* this launch leaves its tiles' reductions, and all scalar results, to a second one */
    bool   narrow_scalar;             /* here the scalar that low_narrow_scalar tells of is a 16-bit float */
    bool   listed;                    /* the instance is one of a list of those whose conditions hold */
    bool   joined;                    /* the cluster's blocks are known to have started */
    LirVal rowlen;                    /* i32 row length: a constant for len=exact */
    LirVal ninst;                     /* i32 */

    /* the current instance */
    LirVal  active;                   /* bool, 0 when always */
    LirVal  coord[ROW_MAX_COORDS];    /* i64 */
    LirVal  head, body;               /* i32, of rows that begin anywhere: the first and the end of the elements taken in vectors; 0 elsewhere */
    LirVal  first;                    /* i32, likewise: where vector 0 of lane 0 stands: at head, or up to a line before it */
    bool    head_fixed;               /* all rows of a block begin alike, so that its sums stay in their columns */
    LirVal  edge_at, edge_in;         /* i32 place in the row of the element that is this lane's edge; bool: it has one */
    LirVal *scalar;                   /* by TirVal */
    LirVal *row_base;                 /* by position in load, store, acc lists: i64 address of this lane's vector 0 */
    LirVal *red_value;                /* by TirVal: first half's result of argmax; of a logsumexp, the largest value */
    LirVal *red_rest, *red_share;     /* by TirVal: of a logsumexp, and of scalars made of one, what is added to the largest value, and e to the power of minus that; low_apart.c */

    struct Low *aside;                /* the nest before this one, where that is done here; NULL: it is not */
    const uint8_t *waits;             /* by TirVal: depends on what an earlier nest writes, which may not be read yet; NULL once it may */

    /* the current vector */
    int     k;
    int     vec;                      /* its elements: the schedule's, or 1 of an edge */
    bool    edge;                     /* it is this lane's edge: number `per` */
    bool    again;                    /* the row was walked before: what it holds was unpacked then */
    bool    second;                   /* the row is walked again for the distances from a warp's mean */
    LirVal  turn;                     /* i32 first element of this turn of the loop over the row; 0 when unrolled */
    LirVal  turn_k;                   /* i32 first vector of this turn of the loop over a row kept in shared memory, */
    int     turn_from, turn_to;       /* which goes over these vectors */
    Mask    mask;
    bool    masked;                   /* it is taken to lie anywhere */
    bool    inside;                   /* it is known to lie inside the row, */
    bool    elsewhere;                /* and no single element that a select picks out to lie there */
    LirVal *row;                      /* by TirVal, for vector k in this phase */
    LirVal *kept;                     /* [load * per + k]: packed row values */
    LirVal *ahead;                    /* [load * per + k]: variables: operands of the next turn of a loop over a row in shared memory, as read */

    LirVal *acc;                      /* [acc * per + k]: variables (acc=reg) */
    LirVal  acc_base[ROW_MAX_MEM];    /* i64 address of this lane's vector 0 in the block's partial row */

    /* shared memory */
    bool     inboxes;                 /* a one-shot cluster's exchanges are counted in inboxes, one each, instead of met at barriers */
    RowShared shared;
    SchedShared smem;
    int      red_bytes, events;       /* bytes a partial; exchanges so far in this iteration */
    LirVal   toggle;                  /* variable i32: which exchange buffer comes first, 0 when not needed */
    LirVal   turns;                   /* variable i32: exchanges so far of a cluster whose row groups have two inboxes each; 0: of another */
    LirVal   drawn, told;             /* i32, under deal: what the first lane drew in this turn; the same, told by its exchange */
    LirVal   slot;                    /* i32 byte offset of the current stage */

    /* rows that a one-shot block takes together */
    struct LowRow *batch;             /* those; NULL: one */
    int      turn_of;                 /* which of them is the current instance */
    int      together;                /* 1, or all of them in the walk in which they share operands */
    int      behind;                  /* groups of copies still on their way for those behind this one, */
    int      due;                     /* or for operands, behind all rows' */
    bool     unmet;                   /* row groups copy operands for each other, and have not met since */
} Low;

#define LOW_LOG2E 1.4426950408889634

/* Is the row walked in a loop, so that running reductions are variables? */
static inline bool low_loops(const Low *w) { return (w->s->len == LEN_ANY && !w->s->split) || w->s->unroll; }

/* low_word.c: parameter words; of two nests in one launch, those of the nest that the block works for */
void     low_share(Low *w);                     /* which nest that is, where the launch is shared; w->block counts within it */
LirVal   low_word(Low *w, DType dt, LirWord word);
LirVal   low_word32(Low *w, LirWordKind k, uint16_t a);
LirVal   low_rowlen(Low *w);                           /* the row's length, i32 */
LirFn   *low_launch_after(const Low *first, const char *symbol, int threads);   /* so many a block, behind the first launch of the kernel */
LirVal   low_sreg(Low *w, LirOpcode op);               /* what the hardware tells a thread */
uint16_t low_twin(const Low *w, uint16_t tensor);      /* the tensor that takes its place in the next nest */

/* low_value.c: values */
LirVal low_scalar(Low *w, TirVal v);
LirVal low_row(Low *w, TirVal v);
LirVal low_scalar_raw(Low *w, TirVal v, LirVal if_);
void   low_scalars_of_phase(Low *w, int p);
LirVal low_guard(Low *w, TirVal v);            /* bool: active and every enclosing if (not of a listed instance); 0 when always */
LirVal low_extent(Low *w, TirExt e);           /* i64 */
LirVal low_and(Low *w, LirVal a, LirVal b);    /* either may be 0 */
TirVal low_single(const Low *w, TirVal v);     /* v is i32(iota(N)) == i32(t) ? scalar : row; then its t, else 0 */
LirVal low_narrow_scalar(Low *w);              /* bool: the run-time scalar that is added to 16-bit row values and rounded with them is one itself; 0: none is */
LirVal low_arith(Low *w, TirOpcode op, DType dt, LirVal a, LirVal b, LirVal c);

/* low_apart.c: scalars as two numbers */
LirVal low_apart(Low *w, TirVal v, LirVal *rest);   /* v but for *rest, which is 0 where it is all of v */
LirVal low_scalar_apart(Low *w, TirVal v);     /* emits v where it stands apart, and gives its sum; 0: it does not */

/* low_addr.c: places and masks */
void   low_copy_vec(Low *w, uint32_t load, LirVal at);       /* vector k of a load, where w->active, on its way to shared memory at `at`; low_kept_load has it */
void   low_have_vec(Low *w, uint32_t load, LirVal at);       /* then from there */
void   low_mask(Low *w);                       /* sets w->mask for vector k */
LirVal low_inside(Low *w, LirVal x, LirVal none);   /* none in place of the elements of x outside the row */
LirVal low_lane_first(Low *w);                 /* i32 position in the row of the first element of vector 0 */
LirVal low_position(Low *w);                   /* of vector k */
LirVal low_base(Low *w, const TirOp *o, const RowMem *m);   /* i64 address of this lane's vector 0, or of the scalar */
LirVal low_vec_addr(Low *w, LirVal base, const RowMem *m, int bytes);
LirVal low_load_vec(Low *w, LirVal base, const RowMem *m, DType dt, LirVal guard);
LirVal low_load_raw(Low *w, LirVal base, const RowMem *m, DType dt, LirVal guard);   /* what of it is read, */
LirVal low_settle(Low *w, const RowMem *m, LirVal raw);                              /* and its vector */
int    low_window(const Low *w, const RowMem *m, int bytes);
uint8_t low_load_flags(const Low *w, const RowMem *m);                                /* of what reads it */
void   low_store_vec(Low *w, LirVal base, const RowMem *m, LirVal v, LirVal guard);
int    low_align(const Low *w, int bytes);
LirVal low_mul_i64(Low *w, LirVal i32_or_i64, int64_t by);

/* low_edge.c: rows that begin anywhere */
static inline bool low_has_edges(const Low *w) { return w->s->align == ALIGN_SHIFT; }
const RowMem *low_first_stream(const Low *w);  /* all others begin where it does, modulo a vector */
void   low_edge_set(Low *w);                   /* of the instance just set */
LirVal low_edge_count(Low *w, int lanes);      /* i32 edges of so many lanes of the row from w->at on */
void   low_edge_fix(Low *w, LirVal grp);       /* before the loop over instances, and behind it: for all of a row group's */
int    low_period(const Low *w);               /* instances that are so far apart begin alike */
int    low_alike(const Low *w);                /* of so many blocks, and every multiple, a row group's rows begin alike */
LirVal low_edge_load(Low *w, uint32_t load, LirVal inside);    /* of the instance just set, where bool `inside` holds, else zero */
void   low_edge_begin(Low *w);                 /* the edge is the current vector, */
void   low_edge_end(Low *w);                   /* vector 0 is again */
LirVal low_edge_step(Low *w);                  /* i32 elements from this lane's vector 0 to its edge */

/* low_load.c: where rows come from and where they stay */
void   low_plan_smem(Low *w);
/* Are operands fetched before they are used: once for the block's rows or the one row; or for a turn of the loop over it? */
static inline bool low_fills(const Low *w) { return w->s->wkeep == WKEEP_SMEM || (w->s->wkeep != WKEEP_LOAD && !w->s->unroll); }
static inline bool low_turns_ahead(const Low *w) { return w->s->wkeep == WKEEP_REG && w->s->unroll; }
void   low_ahead_first(Low *w, const uint8_t *need);           /* fetches the operands of the first turn, */
void   low_ahead_turn(Low *w, const uint8_t *need, LirVal *now, int to);   /* puts what is there for this turn into now[] and fetches the next, */
void   low_ahead_have(Low *w, const LirVal *now, bool have);   /* lets vector k have its own, or takes it away */
void   low_wkeep_fill(Low *w);                 /* before the loop over instances */
void   low_wkeep_place(Low *w, int groups);    /* behind the rows' loads, or copies, in so many groups */
void   low_wkeep_await(Low *w, const uint8_t *need);           /* before a walk that reads operands: those that were copied have come */
LirVal low_kept_load(Low *w, uint32_t load);   /* packed value of row load `load` for vector k */
bool   low_holds_much(const Low *w);              /* so many vectors of a row, or of rows taken together, that a lane has no room for what they unpack to */
bool   low_holds_element(const Low *w, TirVal v);
LirVal low_held_element(Low *w, TirVal v, LirVal *warp);   /* scalar load v of an element of a row in shared memory, in the i32 warp of the row that has it; 0: elsewhere */
int    low_part_vectors(const Low *w);         /* vectors of a row in a group of copies */
void   low_async_issue(Low *w, LirVal base_instance, LirVal slot);

/* low_early.c: before the nests in front have ended */
void   low_launch_wait(Low *w);                /* under pdl: for the launches before this one, */
void   low_launch_go(Low *w);                  /* and lets the next one come */
bool   low_goes_behind(const Low *w);          /* are launches let start only when what came before all nests is there? */
bool   low_early(Low *w);                      /* may the rows be fetched then? Sets w->waits */
void   low_ask(Low *w);                        /* what is read first is asked for, before the wait for the kernel before */
void   low_ask_next(Low *w);                   /* and what the block that comes in this one's place reads */
bool   low_wait(Low *w);                       /* for those nests, where that is still to be done */

/* low_aside.c: the nest before this one, done here */
void   low_aside_open(Low *w);                 /* sets w->aside, where the schedule has one */
uint32_t low_aside_reductions(const Low *w, int phase, Red *r);   /* those that go with the row's of this phase, to be told apart by .of; */
void   low_aside_ask(Low *w);                  /* their elements asked for; */
uint32_t low_aside_walk(Low *w, int phase, Red *r);              /* and taken in */
LirVal low_aside_found(Low *w, const TirOp *load);               /* a scalar that the nest stored, once that was exchanged; 0: it is none of it */

/* low_reduce.c: along the row */
void   low_red_open(Low *w, Red *r);            /* new variables holding the reduction's identity, for a loop over the row */
void   low_red_merge(Low *w, const Red *into, const Red *from);   /* into = into (+, max, min) from, variable by variable */
void   low_red_pick(Low *w, Red *r, uint32_t n);   /* before the row is walked: picks have a long way, and may go on it now */
void   low_red_update(Low *w, Red *r);
bool   low_zero_outside(const Low *w, TirVal v);   /* is v zero where the row's loads gave zeros, as they do past its ends? */
void   low_red_finish(Low *w, Red *r, uint32_t n);   /* what the lanes have together becomes the reductions' values: all that follows */
LirVal low_red_warp(Low *w, Red *r);            /* of the lanes of a warp, of a reduction of one word */
static inline bool low_numbers(const Low *w) { return w->s->cluster > 1 && (w->s->grid == GRID_PERSISTENT || w->s->rows > 1); }   /* has a row group of the cluster two inboxes, for exchanges by number? */
void   low_inboxes(Low *w);                     /* opens one for each exchange of a cluster */
enum { LOW_MAX_WORDS = 3 };
typedef struct Partial {        /* the words of a reduction's partial result */
    LirVal v[LOW_MAX_WORDS];
} Partial;
uint32_t low_red_words(const Low *w, const Red *r);
bool   low_red_meet(const Low *w, uint32_t n);          /* do lanes of more than a warp exchange n reductions? */
void   low_red_totals(Low *w, Red *r, Partial *total, uint32_t n);         /* of a warp's lanes, */
void   low_red_exchange(Low *w, const Red *r, Partial *total, uint32_t n); /* and of all lanes of the row: */
void   low_red_send(Low *w, const Red *r, const Partial *total, uint32_t n);
void   low_red_take(Low *w, const Red *r, Partial *total, uint32_t n);
Partial low_red_none(Low *w, const Red *r);             /* of no elements */
Partial low_red_join(Low *w, const Red *r, Partial a, Partial b);
Partial low_red_across(Low *w, const Red *r, Partial t, int lanes);   /* the lanes of a warp together */
void   low_red_deliver(Low *w, const Red *r, Partial t);               /* the value that the tile IR's reduction has */

/* low_parts.c: rows over blocks that do not meet */
int32_t low_tile(const Low *w);                /* elements of a row that a block takes under split=1 */
LirVal  low_tiles(Low *w);                     /* i32 tiles of a row */
uint32_t low_part_words(Low *w);               /* of a tile's reductions in the workspace */
void    low_parts_store(Low *w, const Red *r, const Partial *t, uint32_t n);
LirFn  *low_parts_second(Low *w, const char *symbol);

/* low_lse.c: pairs (largest, sum) */
LirVal low_butterfly(Low *w, LirVal v, int o);   /* low_reduce.c: of the lane whose number is this one's xor o */
void   low_lse_open(Low *w, LirVal *m, LirVal *s);
void   low_lse_first(Low *w, LirVal m, LirVal s, LirVal x);
void   low_lse_update(Low *w, LirVal m, LirVal s, LirVal x, LirVal read);
void   low_lse_merge(Low *w, LirVal m, LirVal s, LirVal m2, LirVal s2);
void   low_lse_join(Low *w, LirVal *m, LirVal *s, LirVal m2, LirVal s2);
void   low_lse_lane(Low *w, const LirVal *m, const LirVal *s, uint32_t n, LirVal *om, LirVal *os);
void   low_lse_across(Low *w, LirVal *m, LirVal *s, int lanes);
LirVal low_lse_one(Low *w, LirVal x);
LirVal low_lse_rest(Low *w, LirVal m, LirVal s, LirVal *share);

/* low_var.c: triples (sum, squared distances from the mean, count) */
bool    low_var_once(const Low *w);             /* the row is walked once, each lane with a pivot of its own */
void    low_var_open(Low *w, Red *r);
void    low_var_update(Low *w, Red *r, LirVal x);         /* takes in a vector */
void    low_var_lanes(Low *w, Red *r);          /* those of a warp together */
void    low_var_mean(Low *w, Red *r);           /* or, of its lanes' sums, the mean for the walk over their distances */
Partial low_var_partial(Low *w, const Red *r);
Partial low_var_few(Low *w, const Partial *p, int vectors);  /* of vectors of partials; without counts where these are even */
Partial low_var_many(Low *w, const Partial *p, int n);       /* of n partials in each lane of a warp */
Partial low_var_join(Low *w, Partial a, Partial b);
Partial low_var_across(Low *w, Partial t, int lanes);

/* low_acc.c: across instances */
void   low_acc_begin(Low *w);
void   low_acc_update(Low *w, uint32_t acc);
void   low_acc_end(Low *w);
LirFn *low_acc_second(Low *w, const char *symbol);

/* low_scatter.c: sums through an index */
void   low_scatter(Low *w, const char *symbol);

/* low_told.c */
void   low_told(Low *w);                       /* in place of low_scalar_stores */

/* low_cond.c */
void   low_conds(Low *w);                      /* what must hold at launch */

/* low_instance.c */
void   low_forget_instance(Low *w);            /* the current one, and all that was made of it */
void   low_own_values(Low *w);                  /* empty arrays for the values of an instance of its own */
void   low_set_instance(Low *w, LirVal g, bool may_be_outside);
void   low_instance(Low *w);                   /* all phases of the instance that is set */
void   low_phases(Low *w, int from);           /* or those from one on */
void   low_sides(Low *w);                      /* the same, under sides=1 for both sides of a condition */
void   low_scalar_stores(Low *w);

/* low_persistent.c: blocks that walk over row groups */
LirVal low_turn_instance(Low *w, int turn);    /* that a row group of a persistent block takes then; it may be past the last */
int32_t low_deal_bytes(const Low *w);          /* of the workspace, for each block or cluster */
void   low_persistent(Low *w);

/* low_along.c: the host's rows, two in step */
void   low_along(Low *w, LirVal first, LirVal end);                    /* instances first .. end-1 */

/* low_batch.c: rows that a one-shot block takes together */
void   low_batch(Low *w, LirVal g);            /* all phases of rows g*batch .. */
static inline bool low_may_lack(const Low *w) { return w->batch && w->head_fixed && w->turn_of; }   /* is the current row one of those that many blocks do not have? */
void   low_batch_turn(Low *w, int j);          /* row j is the current instance; operands that another has met, it has */

/* low_oneshot.c: blocks with rows of their own */
void   low_oneshot(Low *w);
LirVal low_own_instance(Low *w, LirVal *tile);   /* the first of a block's row group; *tile: first element of the column tile, 0 but under split */
int    low_at_once(const Low *w);              /* blocks, or clusters, that run at one time, and a launch begins with, where ctas tells */
void   low_hold(Low *w);                       /* what is asked for so far is, before what comes */
void   low_set_out(Low *w);                    /* the first instance is set: before its row is asked for */
int    low_fetch(Low *w);                      /* asks for the row of the instance that is set; so many groups of copies */

/* low_row.c */
bool   low_fills_late(Low *w);                                         /* are operands fetched while the row's lanes wait for each other? */
enum { LOW_MAX_WALKS = 2 };
typedef struct LowWalk { Low *w; int p; Red *r; uint32_t n; const uint8_t *need; } LowWalk;      /* a walk over a row: phase, its reductions, the loads it needs */
void   low_enter_phase(Low *w, int p);                                 /* scalars and bases of the instance that is set */
const uint8_t *low_needs(Low *w, int p);                               /* by position: loads that a walk of this phase reads */
LowWalk low_walk_of(Low *w, int p);                                    /* what the walk of a phase that was entered is to do */
LowWalk low_walk_begin(Low *w, int p);                                 /* both */
void   low_walk(const LowWalk *x);                                     /* up to the reductions that are to be finished */
void   low_row_loop(const LowWalk *x, int walks);                      /* over rows in memory, turn about */
void   low_phase(Low *w, int p);                                       /* one whole phase of the instance that is set */
void   low_mark(Low *w, LirOpcode op, LirVal a);                       /* an operation without result: structure, waits */
LirVal low_loop_begin(Low *w, LirVal var, LirVal end);                 /* while var < end; the turn's value of var */
void   low_loop_end(Low *w, LirVal var, LirVal at, LirVal step);
LirVal low_ci(Low *w, int64_t v);              /* i32 constant */
uint32_t low_reductions(Low *w, int p, Red *r);                        /* those of phase p, at most LOW_MAX_RED */

#endif
