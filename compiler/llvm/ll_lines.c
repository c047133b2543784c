/* ll_lines.c: line tables: which line of the spec an instruction came from, for profilers.
 *
 * In: spans of the lowered operations and the Diag that knows their files.  Out: LLVM debug locations of the kind that writes
 * .loc directives only (the other kinds make ptxas turn its optimiser off).  Does nothing without LlOptions.line_tables.
 */
#include <string.h>
#include "ll_int.h"

enum { EMISSION_DIRECTIVES_ONLY = 3 };     /* DICompileUnit's kind; not in LLVM's C header */

static void flag(Ll *l, const char *key, unsigned v)
{
    LLVMMetadataRef m = LLVMValueAsMetadata(ll_i32(l, v));
    LLVMAddModuleFlag(l->mod, LLVMModuleFlagBehaviorWarning, key, strlen(key), m);
}

static LLVMMetadataRef file(Ll *l, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t dir = slash ? (size_t)(slash - path) : 1;
    return LLVMDIBuilderCreateFile(l->di, base, strlen(base), slash ? path : ".", dir);
}

void ll_lines_begin(Ll *l)
{
    if (!l->opt->line_tables || l->places->nfiles < 2)
        return;
    l->di = LLVMCreateDIBuilder(l->mod);
    l->di_files = ARENA_ARRAY(l->a, LLVMMetadataRef, l->places->nfiles);
    for (uint32_t i = 1; i < l->places->nfiles; i++)
        l->di_files[i] = file(l, l->places->files[i].name);
    LLVMDIBuilderCreateCompileUnit(l->di, LLVMDWARFSourceLanguageC99, l->di_files[1], "liger", 5, 1, "", 0, 0, "", 0,
                                   (LLVMDWARFEmissionKind)EMISSION_DIRECTIVES_ONLY, 0, 0, 0, "", 0, "", 0);
    flag(l, "Debug Info Version", LLVMDebugMetadataVersion());
}

static uint32_t first_line(Ll *l, uint32_t *fileno)
{
    uint32_t line = 1, col = 1;
    *fileno = 1;
    for (uint32_t i = 1; i < l->fn->nops; i++)
        if (l->fn->ops[i].sp.file && l->fn->ops[i].sp.file < l->places->nfiles) {
            *fileno = l->fn->ops[i].sp.file;
            diag_line_col(l->places, l->fn->ops[i].sp, &line, &col);
            break;
        }
    return line;
}

/* Before a function begins: what its head emits must not keep the place of the function before it. */
void ll_lines_none(Ll *l)
{
    if (l->di)
        LLVMSetCurrentDebugLocation2(l->b, NULL);
}

void ll_lines_fn(Ll *l)
{
    if (!l->di)
        return;
    uint32_t f, line = first_line(l, &f);
    const char *name = l->fn->name;
    LLVMMetadataRef type = LLVMDIBuilderCreateSubroutineType(l->di, l->di_files[f], NULL, 0, LLVMDIFlagZero);
    l->di_sub = LLVMDIBuilderCreateFunction(l->di, l->di_files[f], name, strlen(name), name, strlen(name), l->di_files[f], line,
                                            type, 0, 1, line, LLVMDIFlagZero, 1);
    LLVMSetSubprogram(l->func, l->di_sub);
    LLVMMetadataRef at = LLVMDIBuilderCreateDebugLocation(l->cx, line, 0, l->di_sub, NULL);
    LLVMSetCurrentDebugLocation2(l->b, at);
}

/* Operations without a place keep the one before. */
void ll_lines_at(Ll *l, Span sp)
{
    if (!l->di || !sp.file || sp.file >= l->places->nfiles)
        return;
    uint32_t line, col;
    diag_line_col(l->places, sp, &line, &col);
    LLVMSetCurrentDebugLocation2(l->b, LLVMDIBuilderCreateDebugLocation(l->cx, line, col, l->di_sub, NULL));
}

void ll_lines_end(Ll *l)
{
    if (!l->di)
        return;
    LLVMSetCurrentDebugLocation2(l->b, NULL);
    LLVMDIBuilderFinalize(l->di);
}
