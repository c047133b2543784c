/* parse.y: the grammar of a spec; every action is one call of parse_ctx.h.
 *
 * In: tokens.  Out: px->decls.  Statements need no separator: none begins with a sign that could go on with an
 * expression.  Nesting is limited by the parser's own stack; nothing is freed here, the arena owns all.
 */
%name tile_parse_
%token_prefix TOK_
%token_type { Token }
%extra_context { Parse *px }
%default_type { AstNode * }
%stack_size 600
%include {
#include "parse_ctx.h"
}
%syntax_error {
    int wanted[YYNTOKEN], n = 0;       /* what this state could have taken, for the message */
    for (int t = 1; t < YYNTOKEN; t++)
        if (t != YYERRORSYMBOL && yy_find_shift_action((YYCODETYPE)t, yypParser->yytos->stateno) != YY_ERROR_ACTION) wanted[n++] = t;
    (void)yymajor;
    parse_syntax_error(px, TOKEN, wanted, n);
}
%stack_overflow { parse_overflow(px); }

/* Names that mean something in few places only. */
%fallback IDENT OVER OF IS.
%token DOT TILE PLAN.
/* RESYNC: what parse_run() feeds after it has passed over the rest of a faulty statement. */

/* Loosest first. A select reads to the right; comparisons do not chain; bits bind tighter than comparisons. */
%right QUESTION.
%left OR.
%left AND.
%right NOT.
%nonassoc EQ NE LT LE GT GE.
%left PIPE.
%left CARET.
%left AMP.
%left SHL SHR.
%left PLUS MINUS.
%left STAR SLASH PERCENT.
%right SIGN TILDE.

spec ::= decls(L). { px->decls = L; }

%type decls { AstList }
decls(L) ::= . { L = ast_list(); }
decls(L) ::= decls(A) decl(B). { L = ast_append(A, B); }

decl(N) ::= OP(K) IDENT(I). { N = ast_named(px, AST_OP, K, I, 0, 0); }
decl(N) ::= OP(K) IDENT(I) STRING(S). { N = ast_text(px, ast_named(px, AST_OP, K, I, 0, 0), S); }
decl(N) ::= DIM(K) names(L). { N = ast_with(px, ast_node(px, AST_DIM, K, 0, 0, 0), L, ast_list()); }
decl(N) ::= TYPE(K) IDENT(I) IN LC names(L) RC(E) default(D). { N = ast_to(ast_with(px, ast_named(px, AST_TYPE, K, I, D, 0), L, ast_list()), E); }
decl(N) ::= param(P). { N = P; }
decl(N) ::= OPTION(K) IDENT(I) COLON IDENT(T) default(D). { N = ast_typed(px, ast_named(px, AST_OPTION, K, I, D, 0), T); }
decl(N) ::= OPTION(K) IDENT(I) IN LC names(L) RC(E) default(D). { N = ast_to(ast_with(px, ast_named(px, AST_OPTION, K, I, D, 0), L, ast_list()), E); }
decl(N) ::= KERNEL(K) IDENT(I) LP args(A) RP block(B). { N = ast_with(px, ast_named(px, AST_KERNEL, K, I, 0, 0), A, B); }
decl(N) ::= KERNEL(K) IDENT(I) STRING(S) LP args(A) RP block(B). { N = ast_text(px, ast_with(px, ast_named(px, AST_KERNEL, K, I, 0, 0), A, B), S); }
decl(N) ::= CHECK(K) LC clauses(L) RC. { N = ast_with(px, ast_node(px, AST_CHECK, K, 0, 0, 0), L, ast_list()); }
decl(N) ::= CHECK(K) names(F) LC clauses(L) RC. { N = ast_with(px, ast_node(px, AST_CHECK, K, 0, 0, 0), L, F); }
decl(N) ::= error RESYNC. { N = 0; }

param(N) ::= PARAM(K) IDENT(I) COLON IDENT(T) default(D) range(R). { N = ast_typed(px, ast_named(px, AST_PARAM, K, I, D, R), T); }
range(N) ::= . { N = 0; }
range(N) ::= IN LB|LP(L) expr(A) COMMA expr(B) RB|RP(U). { N = ast_range(px, L, A, B, U); }
default(N) ::= . { N = 0; }
default(N) ::= ASSIGN expr(E). { N = E; }

%type names { AstList }
names(L) ::= IDENT(I). { L = ast_append(ast_list(), ast_named(px, AST_NAME, I, I, 0, 0)); }
names(L) ::= names(A) COMMA IDENT(I). { L = ast_append(A, ast_named(px, AST_NAME, I, I, 0, 0)); }

%type args { AstList }
%type arglist { AstList }
args(L) ::= . { L = ast_list(); }
args(L) ::= arglist(A). { L = A; }
args(L) ::= arglist(A) COMMA. { L = A; }
arglist(L) ::= arg(N). { L = ast_append(ast_list(), N); }
arglist(L) ::= arglist(A) COMMA arg(N). { L = ast_append(A, N); }
arg(N) ::= param(P). { N = P; }
arg(N) ::= mode(M) IDENT(I) COLON IDENT(T) LB exprs(L) RB over(O) unless(C). { N = ast_with(px, ast_typed(px, ast_mode(ast_named(px, AST_TENSOR, I, I, C, O), M), T), L, ast_list()); }
%type mode { int }
mode(M) ::= IN. { M = AST_MODE_IN; }
mode(M) ::= OUT. { M = AST_MODE_OUT; }
mode(M) ::= INOUT. { M = AST_MODE_INOUT; }
mode(M) ::= SCRATCH. { M = AST_MODE_SCRATCH; }
over(N) ::= . { N = 0; }
over(N) ::= OVER IDENT(I). { N = ast_named(px, AST_NAME, I, I, 0, 0); }
unless(N) ::= . { N = 0; }
unless(N) ::= IF expr(E). { N = E; }

%type clauses { AstList }
clauses(L) ::= . { L = ast_list(); }
clauses(L) ::= clauses(A) clause(N). { L = ast_append(A, N); }
clause(N) ::= SEMI. { N = 0; }
clause(N) ::= names(L) IN(K) LC exprs(V) RC. { N = ast_with(px, ast_node(px, AST_C_SET, K, 0, 0, 0), L, V); }
clause(N) ::= names(L) IN(K) LC exprs(V) RC COMMA. { N = ast_with(px, ast_node(px, AST_C_SET, K, 0, 0, 0), L, V); }
clause(N) ::= names(L) ALL(K). { N = ast_with(px, ast_node(px, AST_C_ALL, K, 0, 0, 0), L, ast_list()); }
clause(N) ::= IDENT(I) names(L). { N = ast_with(px, ast_named(px, AST_C_LIST, I, I, 0, 0), L, ast_list()); }
clause(N) ::= IDENT(I) ASSIGN expr(E). { N = ast_named(px, AST_C_FIX, I, I, E, 0); }
clause(N) ::= IDENT(I) LT expr(E). { N = ast_named(px, AST_C_BELOW, I, I, E, 0); }
clause(N) ::= IDENT(I) GE expr(E). { N = ast_mode(ast_named(px, AST_C_BELOW, I, I, E, 0), 1); }
clause(N) ::= IDENT(I) OF name(F) IS name(B). { N = ast_named(px, AST_C_DERIV, I, I, F, B); }
clause(N) ::= error RESYNC. { N = 0; }
name(N) ::= IDENT(I). { N = ast_named(px, AST_NAME, I, I, 0, 0); }

%type block { AstList }
%type stmts { AstList }
%type else { AstList }
block(L) ::= LC stmts(A) RC. { L = A; }
stmts(L) ::= . { L = ast_list(); }
stmts(L) ::= stmts(A) stmt(N). { L = ast_append(A, N); }
stmt(N) ::= SEMI. { N = 0; }
stmt(N) ::= LET(K) IDENT(I) ASSIGN expr(E). { N = ast_named(px, AST_LET, K, I, E, 0); }
stmt(N) ::= VAR(K) IDENT(I) ASSIGN expr(E). { N = ast_mode(ast_named(px, AST_LET, K, I, E, 0), 1); }
stmt(N) ::= IDENT(I) ASSIGN expr(E). { N = ast_named(px, AST_ASSIGN, I, I, E, 0); }
stmt(N) ::= IDENT(I) PLUSEQ expr(E). { N = ast_mode(ast_named(px, AST_ASSIGN, I, I, E, 0), 1); }
stmt(N) ::= IDENT(I) LB indices(L) RB(R) ASSIGN expr(E). { N = ast_with(px, ast_to(ast_named(px, AST_STORE, I, I, E, 0), R), L, ast_list()); }
stmt(N) ::= IDENT(I) LB indices(L) RB(R) PLUSEQ expr(E). { N = ast_mode(ast_with(px, ast_to(ast_named(px, AST_STORE, I, I, E, 0), R), L, ast_list()), 1); }
stmt(N) ::= PAR(K) coords(L) block(B). { N = ast_with(px, ast_node(px, AST_PAR, K, 0, 0, 0), L, B); }
stmt(N) ::= FOR(K) IDENT(I) IN expr(A) DOTDOT expr(B) block(S). { N = ast_with(px, ast_named(px, AST_FOR, K, I, A, B), ast_list(), S); }
stmt(N) ::= ifstmt(S). { N = S; }
stmt(N) ::= error RESYNC. { N = 0; }
ifstmt(N) ::= IF(K) expr(C) block(B) else(E). { N = ast_with(px, ast_node(px, AST_IF, K, C, 0, 0), E, B); }
else(L) ::= . { L = ast_list(); }
else(L) ::= ELSE block(B). { L = B; }
else(L) ::= ELSE ifstmt(S). { L = ast_append(ast_list(), S); }

%type coords { AstList }
coords(L) ::= coord(N). { L = ast_append(ast_list(), N); }
coords(L) ::= coords(A) COMMA coord(N). { L = ast_append(A, N); }
coord(N) ::= IDENT(I) IN expr(E). { N = ast_named(px, AST_COORD, I, I, E, 0); }

%type exprs { AstList }
%type exprlist { AstList }
exprs(L) ::= . { L = ast_list(); }
exprs(L) ::= exprlist(A). { L = A; }
exprlist(L) ::= expr(N). { L = ast_append(ast_list(), N); }
exprlist(L) ::= exprlist(A) COMMA expr(N). { L = ast_append(A, N); }

expr(N) ::= expr(C) QUESTION(K) expr(A) COLON expr(B). [QUESTION] { N = ast_node(px, AST_SELECT, K, C, A, B); }
expr(N) ::= expr(A) OR(O) expr(B). { N = ast_binary(px, O, A, B); }
expr(N) ::= expr(A) AND(O) expr(B). { N = ast_binary(px, O, A, B); }
expr(N) ::= expr(A) EQ|NE|LT|LE|GT|GE(O) expr(B). { N = ast_binary(px, O, A, B); }
expr(N) ::= expr(A) PIPE(O) expr(B). { N = ast_binary(px, O, A, B); }
expr(N) ::= expr(A) CARET(O) expr(B). { N = ast_binary(px, O, A, B); }
expr(N) ::= expr(A) AMP(O) expr(B). { N = ast_binary(px, O, A, B); }
expr(N) ::= expr(A) SHL|SHR(O) expr(B). { N = ast_binary(px, O, A, B); }
expr(N) ::= expr(A) PLUS|MINUS(O) expr(B). { N = ast_binary(px, O, A, B); }
expr(N) ::= expr(A) STAR|SLASH|PERCENT(O) expr(B). { N = ast_binary(px, O, A, B); }
expr(N) ::= NOT(O) expr(A). { N = ast_unary(px, O, A); }
expr(N) ::= MINUS(O) expr(A). [SIGN] { N = ast_unary(px, O, A); }
expr(N) ::= TILDE(O) expr(A). { N = ast_unary(px, O, A); }
expr(N) ::= LP expr(A) RP. { N = A; }
expr(N) ::= IDENT(I). { N = ast_named(px, AST_NAME, I, I, 0, 0); }
expr(N) ::= INT|FLOAT|TRUE|FALSE(I). { N = ast_number(px, I); }
expr(N) ::= IDENT(I) LP actuals(L) RP(R). { N = ast_with(px, ast_to(ast_named(px, AST_CALL, I, I, 0, 0), R), L, ast_list()); }
expr(N) ::= IDENT(I) LB indices(L) RB(R). { N = ast_with(px, ast_to(ast_named(px, AST_INDEX, I, I, 0, 0), R), L, ast_list()); }

%type actuals { AstList }
%type actuallist { AstList }
actuals(L) ::= . { L = ast_list(); }
actuals(L) ::= actuallist(A). { L = A; }
actuallist(L) ::= actual(N). { L = ast_append(ast_list(), N); }
actuallist(L) ::= actuallist(A) COMMA actual(N). { L = ast_append(A, N); }
actual(N) ::= expr(E). { N = E; }
actual(N) ::= IDENT(I) ASSIGN expr(E). { N = ast_named(px, AST_NAMED, I, I, E, 0); }

%type indices { AstList }
%type indexlist { AstList }
indices(L) ::= . { L = ast_list(); }
indices(L) ::= indexlist(A). { L = A; }
indexlist(L) ::= index(N). { L = ast_append(ast_list(), N); }
indexlist(L) ::= indexlist(A) COMMA index(N). { L = ast_append(A, N); }
index(N) ::= expr(E). { N = E; }
index(N) ::= bound(A) COLON(K) bound(B). { N = ast_slice(px, K, A, B, 0); }
index(N) ::= bound(A) COLON(K) bound(B) COLON expr(S). { N = ast_slice(px, K, A, B, S); }
bound(N) ::= . { N = 0; }
bound(N) ::= expr(E). { N = E; }

%code {
void parse_run(Parse *px)
{
    yyParser p;
    tile_parse_Init(&p, px);
    Token t = lexer_next(&px->lx);
    for (;;) {
        int braces = px->braces;
        px->braces += (t.kind == TOK_LC) - (t.kind == TOK_RC);
        tile_parse_(&p, t.kind, t);
        if (!t.kind || px->overflow) break;
        if (!px->failed) {
            t = lexer_next(&px->lx);
            continue;
        }
        px->braces = braces;
        t = parse_resync(px, t);
        tile_parse_(&p, TOK_RESYNC, t);
        p.yyerrcnt = -1;               /* all of it has been passed over: the next error is a new one */
    }
    tile_parse_Finalize(&p);
}
}
