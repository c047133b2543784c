/* sim_in.h: the interpreter's own state, shared by its files.
 *
 * Every value has its elements for all threads at once, [thread][lane], so that an operation is one loop over them.  Threads
 * that are masked off compute too (no operation traps); only variables, memory and synchronisation look at the mask.
 */
#ifndef LGR_SIM_IN_H
#define LGR_SIM_IN_H
#include "sim.h"

enum { SIM_UNARMED = -1, SIM_MAX_WARPS = 64, SIM_NO_THREAD = 0xffff, SIM_SEVERAL = 63 };
#define SIM_BLOCK  0x80000000u
#define SIM_BLOCKS 0xffffffffu

typedef void (*SimElem)(void *d, const void *a, const void *b, const void *c, size_t n);

typedef struct Sim Sim;
typedef struct Step {
    void (*run)(Sim *s, struct Step *st);
    const LirOp *o;
    void    *d, *a[4];      /* elements of the result and of the operands */
    struct Step *from[4];   /* operands' steps, for poison */
    struct Step *jump;      /* LOOP, IF, ELSE: the matching END; IF: the ELSE when there is one; END: its LOOP, NULL for an if */
    SimElem  elem;
    uint8_t *poison;        /* by element: made of shared bytes never written; meaningful while tainted */
    bool     tainted;
    uint32_t lanes, bytes;  /* of the value moved: the result, or what a store stores */
    size_t   n;             /* threads * lanes */
} Step;

/* What happened to one byte of shared memory. */
typedef struct SimByte {
    uint32_t wepoch;        /* of the writer's warp at the write */
    uint16_t writer;        /* thread, SIM_NO_THREAD */
    bool     clean, pending;   /* clean: written, with a value not made of unwritten bytes; pending: a copy is under way */
    uint64_t readers;       /* warps that have read since the write */
} SimByte;

/* What happened to one byte of a global buffer in this launch; all 0: nothing. */
typedef struct SimGlobal {
    uint32_t writer, reader;    /* thread of the grid + 1; reader also SIM_BLOCK | block, or SIM_BLOCKS for several */
    uint32_t wbar, rbar;        /* barriers passed by the launch so far when it was last written, read */
} SimGlobal;

typedef struct SimCopy { uint32_t at, bytes, group; uint8_t data[16]; } SimCopy;
typedef struct SimQueue { SimCopy *copy; uint32_t n, cap, group; } SimQueue;   /* a thread's copies under way; groups closed */

struct Sim {
    Arena *arena;
    const LirFn *fn;
    const uint64_t *words;
    SimResult *res;
    const SimBuffer *bufs;
    SimGlobal **shadow;                 /* by buffer, made at the first access */
    uint32_t nbufs, hit;                /* hit: the buffer of the last access */
    uint32_t threads, warps;            /* of a whole cluster, which runs as one: block r has threads r * fn->threads on */
    uint32_t cta, nctas;                /* the first block of the cluster */
    Step    *steps, *pc;
    uint8_t *mask;                      /* active threads */
    uint32_t active;                    /* how many */
    uint8_t **saved;                    /* stack of masks of the ifs that are open */
    uint32_t depth;
    void    *wide[4];                   /* room for the elements of any value in 8 bytes each: 16-bit operands in f32, halves of vectors */
    uint32_t bars;                      /* barriers of whole blocks so far */
    /* shared memory */
    uint8_t *smem;
    SimByte *byte;
    uint32_t *read_at;                  /* [byte][warp]: epoch << 6 | lane, or SIM_SEVERAL */
    uint32_t clock[SIM_MAX_WARPS][SIM_MAX_WARPS];   /* clock[w][v]: the last epoch of warp v that warp w has seen; [w][w] its own */
    SimQueue *queue;
    int64_t  expected[LIR_MAX_INBOX], came[LIR_MAX_INBOXES][SIM_MAX_WARPS];  /* bytes of each inbox; came: by block of the cluster */
    int64_t  armed[LIR_MAX_INBOXES][SIM_MAX_WARPS];     /* bytes that the current use of an inbox waits for, SIM_UNARMED */
    uint32_t uses[LIR_MAX_INBOXES][SIM_MAX_WARPS];      /* those that are over */
    uint32_t wsize;                     /* threads a warp */
};

/* sim.c */
void sim_fault(Sim *s, const Step *st, uint32_t thread, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* sim_elem.c, sim_half.c: arrays of elements; NULL where there is no such operation on the type */
SimElem sim_elem(LirOpcode op, DType dt);
SimElem sim_elem_select(uint32_t bytes);
SimElem sim_elem_cast(DType from, DType to);
void    sim_widen(DType dt, float *d, const void *a, size_t n);
void    sim_narrow(DType dt, void *d, const float *a, size_t n);

/* sim_value.c: poison, and the plain steps */
bool    sim_plan_value(Sim *s, Step *st);      /* sets run for operations on values; false: not one of these */
void    sim_taint(Sim *s, Step *st);           /* after a pure operation */
uint8_t *sim_poison(Sim *s, Step *st);         /* the array, made when missing */
bool    sim_clean(Sim *s, const Step *st, int arg, uint32_t thread, const char *use);   /* faults when the operand is poison there */

/* sim_vec.c: leaves, variables, vectors, shuffles */
bool    sim_plan_vec(Sim *s, Step *st);

/* sim_global.c, sim_shared.c, sim_sync.c */
bool    sim_plan_global(Sim *s, Step *st);
uint8_t *sim_global_at(Sim *s, const Step *st, uint32_t thread, uint64_t addr, uint32_t bytes, bool write);   /* NULL after a fault */
bool    sim_plan_shared(Sim *s, Step *st);
void    sim_shared_reset(Sim *s);              /* at the start of a block */
bool    sim_plan_sync(Sim *s, Step *st);

#endif
