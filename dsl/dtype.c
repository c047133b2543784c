/* dtype.c: facts about element types, read off dtype.def.
 *
 * In: a DType or a name.  Out: one column of its row.  Holds no state.
 */
#include "dtype.h"
#include <string.h>

typedef struct Row { const char *name; int bytes, kind, dlcode, dlbits; } Row;

static const Row rows[DT_COUNT] = {
#define X(e, name, bytes, kind, dlcode, dlbits, doc) { name, bytes, kind, dlcode, dlbits },
#include "dtype.def"
#undef X
};

const char *dt_name(DType t) { return rows[t].name; }
int  dt_bytes(DType t)    { return rows[t].bytes; }
bool dt_is_float(DType t) { return rows[t].kind == 1; }
bool dt_is_signed(DType t) { return rows[t].kind == 2; }
bool dt_is_int(DType t)   { return dt_is_signed(t) || rows[t].kind == 3; }
int  dt_dl_code(DType t)  { return rows[t].dlcode; }
int  dt_dl_bits(DType t)  { return rows[t].dlbits; }

DType dt_from_name(const char *s)
{
    for (int t = 1; t < DT_COUNT; t++)
        if (!strcmp(rows[t].name, s)) return (DType)t;
    return DT_NONE;
}
