from .cohorts import cohort_incidence as cohort_incidence
from .courses import Limits as Limits, draw_course as draw_course
from .densities import draw_gate as draw_gate
from .donors import draw_donor_fraction as draw_donor_fraction
from .incidence import draw_cumulative_incidence as draw_cumulative_incidence
from .patients import patient_courses as patient_courses
from .ridges import donor_ridges as donor_ridges, draw_donor_ridges as draw_donor_ridges
from .saving import save_figure as save_figure
from .sheets import all_tubes as all_tubes
from .style import STYLES as STYLES, figure_style as figure_style
from .trees import gating_tree as gating_tree
