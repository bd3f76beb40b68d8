"""The site's addresses: the toolkit's own under `/o/`, and one resource that takes a live token."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from oauth2_provider.decorators import protected_resource


@protected_resource()  # type: ignore[untyped-decorator]
def whoami(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"welcome": True})


urlpatterns = [path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")), path("whoami", whoami)]
