/* target.h: targets are rows of target.def; code asks for features, never for names. */
#ifndef LGR_TARGET_H
#define LGR_TARGET_H
#include <stdbool.h>
#include <stddef.h>

typedef enum { TGT_HOST, TGT_SIM, TGT_GPU } TargetKind;
enum { TGT_F_CPASYNC = 1, TGT_F_CLUSTER = 2, TGT_F_PDL = 4 };

typedef struct Target {
    const char *name; TargetKind kind; const char *cpu, *ptx;
    int sm, mps, smem_block_kb, smem_mp_kb, regs_mp, threads_mp, warp; double gbps; unsigned features; const char *doc;
} Target;

typedef enum TargetId {
#define X(id, ...) TARGET_##id,
#include "target.def"
#undef X
    TARGET_COUNT
} TargetId;

const Target *target_get(TargetId id);
const Target *target_find(const char *name);   /* NULL when unknown */
/* The best that runs on an sm_<n>: code for exactly this chip, else of the nearest older one that later chips run as well. NULL: none, or no GPU or host. */
const Target *target_for_chip(const char *name);
#endif
