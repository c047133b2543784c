/* lgk.h: the pack format (.lgk): a manifest of fixed-size records in tables, then code.
 *
 * Little-endian, mapped read-only and used in place; every reference is an index into a table or an offset into the strings, and
 * is checked once when the pack is opened.  The manifest (everything before `code_offset`) has one digest, every piece of code its own
 * (its padding included), checked when that code is loaded; pieces follow one another, so no byte is outside a digest.  Written by compiler/pack, read by runtime/pack_open.c.
 */
#ifndef LGR_LGK_H
#define LGR_LGK_H
#include "liger.h"

#include <stdint.h>

#define LGK_MAGIC "LGRPACK\1"
enum { LGK_VERSION = 12, LGK_MAX_DIMS = 12, LGK_MAX_RANK = 6, LGK_MAX_TYPES = 8, LGK_MAX_OPTIONS = 24, LGK_MAX_TENSORS = 32,
       LGK_MAX_SCALARS = 16, LGK_MAX_WORDS = 256, LGK_MAX_LAUNCHES = LGR_MAX_LAUNCHES, LGK_MAX_INST = 8, LGK_MAX_NESTS = 8,
       LGK_MAX_ALIGN = 256 /* bytes that a condition may ask for */ };

/* X(enum, record type) */
#define LGK_TABLES(X)            \
    X(STRINGS, char)             \
    X(KERNELS, LgkKernel)        \
    X(NAMES, LgkName)            \
    X(CHOICES, LgkName)          \
    X(TYPES, LgkType)            \
    X(OPTIONS, LgkOption)        \
    X(TENSORS, LgkTensor)        \
    X(EXTENTS, LgkExtent)        \
    X(SCALARS, LgkScalar)        \
    X(INSTANCES, LgkInstance)    \
    X(SETS, LgkSet)              \
    X(VARIANTS, LgkVariant)      \
    X(CONDS, LgkCond)            \
    X(LAUNCHES, LgkLaunch)       \
    X(WORDS, LgkWord)            \
    X(CODES, LgkCode)

enum {
#define X(e, type) LGK_T_##e,
    LGK_TABLES(X)
#undef X
    LGK_T_COUNT
};

typedef struct LgkTable { uint64_t offset; uint32_t count, stride; } LgkTable;

typedef struct LgkHeader {
    char     magic[8];
    uint32_t version, ntables;
    uint64_t size;                 /* of the whole file */
    uint64_t code_offset;          /* end of the manifest */
    uint64_t digest[2];            /* XXH3-128 of the manifest with this field zero */
    LgkTable table[LGK_T_COUNT];
} LgkHeader;

typedef uint32_t LgkStr;           /* offset into STRINGS */
typedef struct LgkRange { uint32_t first, count; } LgkRange;

typedef struct LgkName { LgkStr name; uint32_t dtype; } LgkName;   /* dims, option choices; type choices by dtype */
typedef struct LgkKernel {
    LgkStr   op, name, doc;
    uint32_t scratch;              /* tensors of the workspace, behind `tensors` in TENSORS; numbered after the caller's */
    LgkRange dims, types, options, tensors, scalars, instances;    /* dims in NAMES */
    LgkStr   source;               /* the spec's text, "" when the pack does not carry it */
    uint32_t pad;
} LgkKernel;
typedef struct LgkType { LgkStr name; LgkRange choices; } LgkType;             /* CHOICES */
typedef struct LgkOption { LgkStr name; LgkRange choices; uint32_t def; } LgkOption;

enum { LGK_IN, LGK_OUT, LGK_INOUT, LGK_SCRATCH };
typedef struct LgkTensor {
    LgkStr   name;
    uint32_t rank, mode, dtype;    /* dtype: LgkDtype when fixed, 0 when bound by a type */
    int32_t  type;                 /* index among the kernel's types, -1 when fixed */
    int32_t  over;                 /* tensor it may lie over, -1 none */
    uint32_t accumulate, optional;
    uint32_t extents;              /* first of `rank` EXTENTS */
} LgkTensor;
typedef struct LgkExtent { int64_t c, den, k[LGK_MAX_DIMS]; } LgkExtent;       /* (c + sum k*dim) / den */
enum { LGK_RANGE_GIVEN = 1, LGK_RANGE_LO_OPEN = 2, LGK_RANGE_HI_OPEN = 4, LGK_RANGE_ALL = 7 };
typedef struct LgkScalar { LgkStr name; uint32_t dtype, has_default, range; double def, lo, hi; } LgkScalar;   /* range: bits; values from lo to hi, of integers exact */

enum { LGK_OPEN = 0xff };          /* an instance's option: any choice, which its code is told */
typedef struct LgkInstance {
    uint32_t dtype[LGK_MAX_TYPES], option[LGK_MAX_OPTIONS];
    uint64_t present;              /* bit i: tensor i is given, or part of the workspace */
    LgkRange sets;
    uint32_t nests, pad;           /* par nests, launched one after the other; each has its sets */
} LgkInstance;
typedef struct LgkSet {            /* the variants of one nest of an instance on one target */
    LgkStr   target;
    uint32_t kind;                 /* LgkCodeKind */
    uint32_t sm, arch_specific;    /* 90 and 1 for sm_90a */
    uint32_t nest, idle;           /* idle: bits: when the nest has nothing to do */
    uint32_t out, in;              /* tensors of LGK_IDLE_IN_PLACE */
    LgkRange variants;
} LgkSet;
enum { LGK_IDLE_EMPTY_ROW = 1 /* the row is empty */, LGK_IDLE_IN_PLACE = 2 /* out is in */, LGK_IDLE_ALL = 3 };
typedef struct LgkVariant {
    LgkStr   schedule, symbol;
    LgkRange conds, launches, inst;   /* inst: EXTENTS whose product is the number of instances */
    uint32_t row;                  /* EXTENTS: row length */
    uint32_t code;
    int32_t  registers, spills;
    uint32_t places;               /* EXTENTS: rows that a sum through an index may name, where a launch counts them */
    uint32_t covers;               /* nests that its launch works for, this one first: the grid is the sum of theirs */
    uint32_t before, pad;          /* nests before this one that it does as well: they are not launched */
} LgkVariant;

/* Condition, grid, word and pdl kinds are those of compiler/lower/lower.h and compiler/lir/lir.h; compiler/pack asserts it. */
enum { LGK_C_ROWLEN_EQ, LGK_C_ROWLEN_LE, LGK_C_ROWLEN_MULT, LGK_C_ALIGNED, LGK_C_CONGRUENT, LGK_C_UNIT, LGK_C_INST_GE, LGK_C_INST_LE,
       LGK_C_ELEMS_GE, LGK_C_ELEMS_LE, LGK_C_NEARER, LGK_C_COUNT };
enum { LGK_G_GROUPS, LGK_G_PERSISTENT, LGK_G_COLUMNS, LGK_G_GROUPS_COLUMNS, LGK_G_GROUPS_PLACES, LGK_G_GROUPS_BEYOND, LGK_G_PLACES_COLUMNS, LGK_G_GROUPS_WITHIN, LGK_G_FIXED, LGK_G_COUNT };
enum { LGK_BY_BLOCK, LGK_BY_COLUMN, LGK_BY_DIGIT, LGK_BY_PLACES, LGK_BY_COUNT };      /* LowWorkBy */
enum { LGK_W_DIM, LGK_W_PTR, LGK_W_STRIDE, LGK_W_SCALAR, LGK_W_WORK, LGK_W_INST, LGK_W_PAREXT, LGK_W_ROWLEN, LGK_W_BLOCKS,
       LGK_W_OWN /* of the blocks of launch 0, this nest's own */,
       LGK_W_PARDIV /* lgk_divider() of the extent of par a */, LGK_W_OPTION /* the call's choice of option a */, LGK_W_COUNT };

/* m + s * 2^32 such that n / d = (2n * m >> 32) >> s for 0 <= n < 2^31, 1 <= d < 2^31: s = ceil(log2 d), m = ceil(2^(31 + s) / d) < 2^32;
 * exact since m * d exceeds 2^(31 + s) by less than d <= 2^s (Granlund and Montgomery, 1994). */
static inline uint64_t lgk_divider(uint64_t d)
{
    uint64_t s = d > 1 ? 64 - (uint64_t)__builtin_clzll(d - 1) : 0;
    return d ? (((uint64_t)1 << (31 + s)) + d - 1) / d | s << 32 : 0;
}

/* Of LGK_BY_DIGIT: the least power of two, of 8 or more, whose square is more than the number of places. */
static inline int64_t lgk_digits(int64_t places)
{
    int64_t n = 8;
    while (n * n <= places)
        n *= 2;
    return n;
}

typedef struct LgkCond { uint32_t kind, a, b, nest; int64_t value; } LgkCond;       /* nest: 0, or 1 for the next one, where the variant covers it */
enum { LGK_PDL_NONE, LGK_PDL_AFTER, LGK_PDL_BESIDE, LGK_PDL_LATE, LGK_PDL_COUNT };
typedef struct LgkLaunch {
    LgkStr   symbol;
    uint32_t entry;                /* host: offset of the function in its code */
    uint32_t grid;
    int32_t  per, per2, ctas, multiple;    /* per2, of LGK_G_PERSISTENT: GB/s of memory for each block, or 0; per3: turns of a block at most, or 0: any number; multiple, of LGK_G_PERSISTENT and LGK_G_GROUPS: of the number of blocks, where they take more than a group each */
    int32_t  work_bytes;           /* of workspace, for each of its blocks, or clusters of blocks */
    uint32_t work_by;              /* LGK_BY_*: and for each element of the row, of which there are a multiple of 4, or for each of lgk_digits(), or of ceil(places / per2) */
    uint32_t threads, shared, cluster, pdl;
    LgkRange words;
    int32_t  per3;
} LgkLaunch;
typedef struct LgkWord { uint16_t kind, a, b, nest; } LgkWord;

typedef enum LgkCodeKind { LGK_CODE_CUBIN = 1, LGK_CODE_PTX, LGK_CODE_HOST, LGK_CODE_SIM } LgkCodeKind;
typedef struct LgkCode { uint64_t offset, size, digest[2]; uint32_t kind, pad; } LgkCode;   /* offset from the file's start, 16-byte aligned; zeros up to the next multiple of 16 */

/* Element types: the numbers of dsl/dtype.def. */
enum { LGK_BOOL = 1, LGK_I8, LGK_U8, LGK_I32, LGK_I64, LGK_F16, LGK_BF16, LGK_F32, LGK_F64, LGK_DTYPES };

#endif
