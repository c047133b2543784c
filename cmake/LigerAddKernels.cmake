# liger_add_kernels(TARGET SPECS a.tile ... [TARGETS host sm_90a ...] [DEFINES T=bf16 ...] [FLAGS ...] [PACK name.lgk])
#
# Compiles specs into one pack in the current binary folder (TARGET.lgk unless PACK says otherwise) with a typed header for each op,
# liger_<op>.h.  TARGET: an existing one gets them; otherwise it is made, an INTERFACE library to link.  Whoever links it finds the headers, links
# Liger::liger, and is built after the pack, whose path is the macro <TARGET>_PACK (upper case) and the target's property LIGER_PACK.
# TARGETS: host unless given.  DEFINES: only these types and options.  FLAGS: further ones of `ligerc build`.
# A spec that changes, or a newer ligerc, remakes them.
function(liger_add_kernels target)
  cmake_parse_arguments(PARSE_ARGV 1 K "" "PACK" "SPECS;TARGETS;DEFINES;FLAGS")
  if(K_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "liger_add_kernels(${target}): not understood: ${K_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT K_SPECS)
    message(FATAL_ERROR "liger_add_kernels(${target}): SPECS names no spec")
  endif()
  if(NOT K_TARGETS)
    set(K_TARGETS host)
  endif()
  if(NOT K_PACK)
    set(K_PACK ${target}.lgk)
  endif()
  string(REPLACE ";" "," targets "${K_TARGETS}")
  list(TRANSFORM K_DEFINES PREPEND --define=)
  set(headers_dir ${CMAKE_CURRENT_BINARY_DIR}/liger_kernels/${target})
  set(pack ${CMAKE_CURRENT_BINARY_DIR}/${K_PACK})
  set(specs)
  set(headers)
  foreach(spec ${K_SPECS})
    get_filename_component(spec ${spec} ABSOLUTE)
    file(STRINGS ${spec} op REGEX "^[ \t]*op[ \t]+[A-Za-z_]" LIMIT_COUNT 1)
    string(REGEX REPLACE "^[ \t]*op[ \t]+([A-Za-z_0-9]+).*" "\\1" op "${op}")
    if(NOT op)
      message(FATAL_ERROR "liger_add_kernels(${target}): ${spec}: no line begins with op and a name")
    endif()
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${spec})
    list(APPEND specs ${spec})
    list(APPEND headers ${headers_dir}/liger_${op}.h)
  endforeach()
  add_custom_command(OUTPUT ${pack} DEPENDS ${specs} Liger::ligerc DEPFILE ${pack}.d VERBATIM COMMENT "Kernels ${K_PACK} for ${targets}"
    COMMAND Liger::ligerc build --target=${targets} ${K_DEFINES} ${K_FLAGS} -MD -MF ${pack}.d -o ${pack} ${specs}
    COMMAND ${CMAKE_COMMAND} -E touch_nocreate ${pack})
  add_custom_command(OUTPUT ${headers} DEPENDS ${specs} Liger::ligerc VERBATIM COMMENT "Typed headers of ${target}"
    COMMAND Liger::ligerc build --emit=header -o ${headers_dir}/ ${specs}
    COMMAND ${CMAKE_COMMAND} -E touch_nocreate ${headers})
  add_custom_target(${target}_kernels DEPENDS ${pack} ${headers})

  set(scope PRIVATE)
  if(NOT TARGET ${target})
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  string(MAKE_C_IDENTIFIER ${target} macro)
  string(TOUPPER ${macro} macro)
  add_dependencies(${target} ${target}_kernels)
  target_include_directories(${target} ${scope} ${headers_dir})
  target_link_libraries(${target} ${scope} Liger::liger)
  target_compile_definitions(${target} ${scope} ${macro}_PACK="${pack}")
  set_target_properties(${target} PROPERTIES LIGER_PACK ${pack})
endfunction()
