# What is installed: library, headers, compiler, specs, packs, licence, and how other builds find them (CMake, pkg-config).
# Nothing in it names the prefix: an installed tree may be moved.
include(CMakePackageConfigHelpers)

install(TARGETS liger EXPORT LigerTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES runtime/liger.h runtime/dlpack.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY generated/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(DIRECTORY specs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/liger/specs FILES_MATCHING PATTERN "*.tile")
install(DIRECTORY DESTINATION ${CMAKE_INSTALL_DATADIR}/liger/packs)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/liger)

if(TARGET ligerc)
  install(TARGETS ligerc EXPORT LigerTargets RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  if(LGR_PACKS)
    file(GLOB specs CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/specs/*.tile)
    foreach(spec ${specs})
      get_filename_component(op ${spec} NAME_WE)
      set(pack ${CMAKE_BINARY_DIR}/packs/${op}.lgk)
      add_custom_command(OUTPUT ${pack} DEPENDS ligerc ${spec} VERBATIM COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/packs
        COMMAND ligerc build --target=${LGR_PACKS} -o ${pack} ${spec})
      list(APPEND packs ${pack})
    endforeach()
    add_custom_target(packs ALL DEPENDS ${packs})
    install(FILES ${packs} DESTINATION ${CMAKE_INSTALL_DATADIR}/liger/packs)
  endif()
endif()

set(config ${CMAKE_INSTALL_LIBDIR}/cmake/Liger)
set(LIGER_DATA_DIR ${CMAKE_INSTALL_DATADIR}/liger)
install(EXPORT LigerTargets NAMESPACE Liger:: DESTINATION ${config})
configure_package_config_file(cmake/LigerConfig.cmake.in ${CMAKE_BINARY_DIR}/LigerConfig.cmake INSTALL_DESTINATION ${config} PATH_VARS LIGER_DATA_DIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/LigerConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/LigerConfig.cmake ${CMAKE_BINARY_DIR}/LigerConfigVersion.cmake cmake/LigerAddKernels.cmake DESTINATION ${config})

file(RELATIVE_PATH LIGER_UP /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/liger.pc.in ${CMAKE_BINARY_DIR}/liger.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/liger.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
