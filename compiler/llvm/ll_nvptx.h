/* ll_nvptx.h: shared by ll_nvptx.c, ll_nvptx_mem.c and ll_nvptx_math.c. */
#ifndef LGR_LL_NVPTX_H
#define LGR_LL_NVPTX_H
#include "ll_int.h"

#define LL_LOG2E 1.4426950408889634
#define LL_LN2   0.6931471805599453

LLVMValueRef ll_shared_addr(Ll *l, LLVMValueRef offset);       /* 32-bit address in the shared window */
LLVMValueRef ll_pred_word(Ll *l, LLVMValueRef pred);           /* i1 as an i32 for inline assembler */
const char  *ll_nvptx_load_hint(const Ll *l, unsigned flags);   /* ".L1::.." or "" */
void         ll_nvptx_load(Ll *l, const LlAccess *m, LLVMValueRef *unit);
void         ll_nvptx_mark(Ll *l, const LirOp *o);
void         ll_nvptx_store(Ll *l, const LlAccess *m, LLVMValueRef *unit);
LLVMValueRef ll_nvptx_fast(Ll *l, LirOpcode op, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef ll_nvptx_exact(Ll *l, LirOpcode op, LLVMValueRef x);
char         ll_nvptx_letter(const Ll *l, LLVMTypeRef t);      /* of a register of inline assembler */
void         ll_nvptx_convert(Ll *l, DType to, LlVal v, LLVMValueRef *out);    /* between f32 and packed 16-bit floats, in one statement */
bool         ll_nvptx_chain(Ll *l, const LirOp *o, bool once, LlVal *r);
void         ll_nvptx_write(Ll *l, LlVal *v);
void         ll_nvptx_settle(Ll *l);

#endif
