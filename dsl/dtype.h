/* dtype.h: element types, one row each in dtype.def. */
#ifndef LGR_DSL_DTYPE_H
#define LGR_DSL_DTYPE_H
#include <stdbool.h>

typedef enum DType {
#define X(e, name, bytes, kind, dlcode, dlbits, doc) DT_##e,
#include "dtype.def"
#undef X
    DT_COUNT
} DType;

const char *dt_name(DType t);
int   dt_bytes(DType t);
bool  dt_is_float(DType t);
bool  dt_is_int(DType t);           /* i8, u8, i32, i64 */
bool  dt_is_signed(DType t);        /* i8, i32, i64 */
DType dt_from_name(const char *s);  /* DT_NONE when unknown */
int   dt_dl_code(DType t);          /* DLPack type code */
int   dt_dl_bits(DType t);
#endif
